//! `provisor schema` and `provisor resource-type`: what they print and refuse. What they do to a server is in `tests/it/definitions`.

use std::path::PathBuf;

use super::*;
use crate::support::TemporaryDirectory;

const HR: &str = "urn:example:scim:schemas:extension:hr:1.0:User";
const BADGE: &str = "urn:example:scim:schemas:1.0:Badge";

struct Files(TemporaryDirectory);

impl Files {
    fn new() -> Self {
        let directory = TemporaryDirectory::new("files");
        std::fs::create_dir(&*directory).unwrap();
        Self(directory)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn hr() -> Value {
    json!({"id": HR, "name": "HR", "attributes": [{"name": "grade", "type": "string"}]})
}

fn badge() -> Value {
    json!({"id": BADGE, "name": "Badge", "attributes": [{"name": "code", "type": "string", "required": true}]})
}

fn badge_type() -> Value {
    json!({"name": "Badge", "endpoint": "/Badges", "schema": BADGE, "schemaExtensions": [{"schema": HR, "required": true}]})
}

#[test]
fn schemas_and_resource_types_are_imported_listed_shown_and_removed() {
    administer(&shared().data_dir);
    // On a data directory at rest too.
    let data_dir = TemporaryDirectory::new("cli");
    install(&data_dir);
    administer(&data_dir);
}

fn administer(data_dir: &Path) {
    let files = Files::new();
    let [hr_file, badge_file, type_file] = [("hr", hr()), ("badge", badge()), ("type", badge_type())]
        .map(|(name, definition)| files.write(name, &definition.to_string()).to_str().unwrap().to_owned());
    let tenant = fresh("defining");
    run_json(data_dir, &["tenant", "create", &tenant]);
    let text = |arguments: &[&str]| super::text(data_dir, &[arguments, &["--tenant", &tenant]].concat());
    let json = |arguments: &[&str]| run_json(data_dir, &[arguments, &["--tenant", &tenant]].concat());

    let imported = text(&["schema", "import", &hr_file, "--extends", "group"]);
    assert_eq!(imported, format!("imported schema {HR}\n"));
    let row = json!({"uri": BADGE, "name": "Badge", "baseOf": [], "extends": []});
    assert_eq!(json(&["schema", "import", &badge_file]), row);
    assert_eq!(text(&["resource-type", "import", &type_file]), "imported resource type Badge\n");
    let mut shown = badge_type();
    shown["description"] = json!("");
    assert_eq!(json(&["resource-type", "import", &type_file]), shown);
    assert_eq!(text(&["resource-type", "okta"]), "imported resource type Role\nimported resource type Entitlement\n");

    let listed = json(&["schema", "list"]);
    let extends = json!([{"resourceType": "Group", "required": false}, {"resourceType": "Badge", "required": true}]);
    assert_eq!(
        listed,
        json!([
            {"uri": HR, "name": "HR", "baseOf": [], "extends": extends},
            {"uri": BADGE, "name": "Badge", "baseOf": ["Badge"], "extends": []}
        ])
    );
    let rows = table(&text(&["schema", "list"]), &["URI", "NAME", "BASE OF", "EXTENDS"]);
    assert_eq!(rows, [[HR, "HR", "-", "Group Badge"], [BADGE, "Badge", "Badge", "-"]]);
    let listed = json(&["resource-type", "list"]);
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|known| string(&known["name"])).collect();
    assert_eq!((names.as_slice(), &listed[0]), (&["Badge", "Role", "Entitlement"][..], &shown));
    let rows = table(&text(&["resource-type", "list"]), &["NAME", "ENDPOINT", "SCHEMA", "EXTENSIONS"]);
    assert_eq!(rows[0], ["Badge", "/Badges", BADGE, "1"]);

    let printed: Value = serde_json::from_str(&text(&["schema", "show", &HR.to_lowercase()])).unwrap();
    assert_eq!((&printed, &printed["id"]), (&json(&["schema", "show", HR]), &json!(HR)));
    assert_eq!(printed["attributes"][0]["mutability"], "readWrite");
    let printed: Value = serde_json::from_str(&text(&["resource-type", "show", "badge"])).unwrap();
    assert_eq!((&printed, &printed), (&shown, &json(&["resource-type", "show", "Badge"])));
    // What is shown can be imported again.
    let again = files.write("again", &printed.to_string());
    text(&["resource-type", "import", again.to_str().unwrap()]);

    assert_eq!(json(&["resource-type", "remove", "Role"]), json!({"name": "Role", "removed": true}));
    assert_eq!(text(&["resource-type", "remove", "Entitlement"]), "removed resource type Entitlement\n");
    assert_eq!(text(&["resource-type", "remove", "Badge"]), "removed resource type Badge\n");
    assert_eq!(text(&["schema", "remove", HR]), format!("removed schema {HR}\n"));
    assert_eq!(json(&["schema", "remove", BADGE]), json!({"uri": BADGE, "removed": true}));
    assert_eq!((json(&["schema", "list"]), json(&["resource-type", "list"])), (json!([]), json!([])));

    let actions: Vec<String> = json(&["audit", "list"])
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {}", string(&row["action"]), string(&row["target"]["id"])))
        .collect();
    assert_eq!(
        actions[..6],
        [
            format!("schema.remove {BADGE}"),
            format!("schema.remove {HR}"),
            "resource_type.remove Badge".into(),
            "resource_type.remove Entitlement".into(),
            "resource_type.remove Role".into(),
            "resource_type.import Badge".into(),
        ]
    );
}

#[test]
fn a_definition_that_cannot_be_served_is_refused_with_the_reason_and_changes_nothing() {
    let data_dir = &shared().data_dir;
    let files = Files::new();
    let tenant = fresh("refusing");
    run_json(data_dir, &["tenant", "create", &tenant]);
    let missing = files.0.join("missing").to_str().unwrap().to_owned();
    let write = |name: &str, text: &str| files.write(name, text).to_str().unwrap().to_owned();
    let good = write("good", &hr().to_string());
    let list = write("list", "[]");
    let broken = write("broken", "{\"id\": ");
    let twice = write("twice", "{\"id\": \"a\", \"ID\": \"b\"}");
    let large = write("large", &format!("\"{}\"", "x".repeat(256 * 1_024)));
    let core = write(
        "core",
        &json!({"id": "urn:ietf:params:scim:schemas:core:2.0:User", "name": "x", "attributes": []}).to_string(),
    );
    let unknown = write("unknown", &badge_type().to_string());
    let unique = json!([{"name": "grade", "type": "string", "uniqueness": "server"}]);
    let unique = write("unique", &json!({"id": HR, "name": "HR", "attributes": unique}).to_string());
    let rows: [(&[&str], &[&str]); 15] = [
        (&["schema", "import", &missing], &[&missing, "cannot be read"]),
        (&["schema", "import", &list], &["a schema is a JSON object"]),
        (&["schema", "import", &broken], &[&broken, "not acceptable JSON"]),
        (&["schema", "import", &twice], &[&twice, "occurs twice"]),
        (&["schema", "import", &large], &[&large, "is larger than 262144 bytes"]),
        (&["schema", "import", &core], &["is in the part of urn:ietf:params:scim: that IANA keeps"]),
        (&["schema", "import", &good, "--extends", "Robot"], &["there is no resource type 'Robot' to extend"]),
        (&["schema", "import", &unique, "--extends", "User"], &["attribute 'grade' of extension", "base schema"]),
        (&["schema", "show", HR], &["no schema", HR, "provisor schema list"]),
        (&["schema", "remove", HR], &["no schema", HR, "provisor schema list"]),
        (&["resource-type", "import", &good], &["this is no resource type"]),
        (&["resource-type", "import", &unknown], &["there is no schema", BADGE]),
        (&["resource-type", "show", "User"], &["no resource type 'User'", "provisor resource-type list"]),
        (&["resource-type", "remove", "User"], &["no resource type 'User'", "provisor resource-type list"]),
        (&["resource-type", "remove", "Badge"], &["no resource type 'Badge'"]),
    ];
    for (arguments, says) in rows {
        for json in [&["--tenant", tenant.as_str()][..], &["--json", "--tenant", &tenant]] {
            assert_refused(&run(data_dir, &[arguments, json].concat()), 1, says);
        }
    }
    let nobody = "no tenant 'nobody'; 'provisor tenant list' shows them";
    for command in [
        &["schema", "import", &good][..],
        &["schema", "list"],
        &["schema", "show", HR],
        &["schema", "remove", HR],
        &["resource-type", "import", &good],
        &["resource-type", "okta"],
        &["resource-type", "list"],
        &["resource-type", "show", "Badge"],
        &["resource-type", "remove", "Badge"],
    ] {
        assert_refused(&run(data_dir, &[command, &["--tenant", "nobody"]].concat()), 1, &[nobody]);
    }
    let tenant = ["--tenant", tenant.as_str()];
    assert_eq!(run_json(data_dir, &[&["schema", "list"][..], &tenant].concat()), json!([]));
    let audit = run_json(data_dir, &[&["audit", "list"][..], &tenant].concat());
    assert_eq!(audit.as_array().unwrap().len(), 1, "{audit}");
    let output = run(data_dir, &["schema", "import", &good, "--required"]);
    assert_refused(&output, 2, &["--extends"]);
}
