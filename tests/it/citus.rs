//! The tables on a cluster of Citus. There is none where these tests run: what it demands is taken from its documentation, and a stand-in
//! answers in its place.

use std::path::Path;
use std::process::{Command, Output};

use diesel::PgConnection;
use provisor::store;
use provisor::store::citus::{Place, TABLES};
use serde_json::Value;

use crate::support::process::program;
use crate::support::{database, shared, temporary_directory};

/// Stands in for Citus, which is somebody else's program and cannot be installed here: the catalog and the functions that the program
/// uses, with the rules of Citus's documentation for keys, foreign keys and triggers. It distributes nothing; what would be the shards is a
/// copy. So it shows which calls are made, and that the rules are kept, and not that a cluster works.
const STAND_IN: &str = r#"
CREATE SCHEMA stand_in;
CREATE TABLE stand_in.pg_dist_partition (logicalrelid regclass PRIMARY KEY, partmethod "char" NOT NULL, partkey text, colocationid integer);
CREATE TABLE stand_in.calls (number serial, call text NOT NULL);
CREATE FUNCTION stand_in.column_to_column_name(table_name regclass, column_var_text text) RETURNS text STRICT LANGUAGE sql AS $$
    SELECT column_var_text $$;
-- Why a table cannot be distributed by a column, beside these tables that are.
CREATE FUNCTION stand_in.refusals(relation regclass, by text, beside regclass[]) RETURNS SETOF text LANGUAGE sql AS $$
    WITH key AS (SELECT attnum FROM pg_attribute WHERE attrelid = relation AND attname = by AND attnotnull)
    SELECT 'no column ' || by WHERE NOT EXISTS (SELECT FROM key)
    UNION ALL SELECT 'unique without ' || by || ': ' || indexrelid::regclass FROM pg_index
    WHERE indrelid = relation AND (indisunique OR indisexclusion)
        AND NOT EXISTS (SELECT FROM key WHERE attnum = ANY ((indkey::int2[])[0:indnkeyatts - 1]))
    UNION ALL SELECT 'foreign key: ' || conname FROM pg_constraint
    WHERE contype = 'f' AND relation IN (conrelid, confrelid) AND NOT (
        conrelid = ANY (beside::oid[]) AND confrelid = ANY (beside::oid[]) AND EXISTS (
            SELECT FROM unnest(conkey, confkey) AS pair (referencing, referenced)
            JOIN pg_attribute AS one ON one.attrelid = conrelid AND one.attnum = referencing AND one.attname = by
            JOIN pg_attribute AS other ON other.attrelid = confrelid AND other.attnum = referenced AND other.attname = by))
    UNION ALL SELECT 'trigger: ' || tgname FROM pg_trigger WHERE tgrelid = relation AND NOT tgisinternal
    ORDER BY 1 $$;
CREATE FUNCTION stand_in.create_distributed_table(
    table_name regclass, distribution_column text, distribution_type text DEFAULT 'hash', colocate_with text DEFAULT 'default'
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE refusal text; colocation integer;
BEGIN
    IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = table_name) THEN
        RAISE EXCEPTION 'table % is already distributed', table_name;
    END IF;
    SELECT * INTO refusal FROM stand_in.refusals(
        table_name, distribution_column, (SELECT coalesce(array_agg(logicalrelid), '{}') FROM pg_dist_partition) || table_name);
    IF FOUND THEN
        RAISE EXCEPTION 'cannot distribute %: %', table_name, refusal;
    END IF;
    IF colocate_with = 'none' THEN
        SELECT coalesce(max(colocationid), 0) + 1 INTO colocation FROM pg_dist_partition;
    ELSE
        SELECT colocationid INTO STRICT colocation FROM pg_dist_partition WHERE logicalrelid = colocate_with::regclass;
    END IF;
    EXECUTE format('CREATE TABLE stand_in.%I AS TABLE %s', 'shards_of_' || table_name, table_name);
    INSERT INTO pg_dist_partition VALUES (table_name, 'h', distribution_column, colocation);
    INSERT INTO calls (call) VALUES (concat_ws(' ', 'distribute', table_name, distribution_column, distribution_type, colocate_with));
END $$;
CREATE FUNCTION stand_in.truncate_local_data_after_distributing_table(function_arg regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = function_arg) THEN
        RAISE EXCEPTION 'supplied parameter is not a distributed relation';
    END IF;
    EXECUTE format('TRUNCATE %s', function_arg);
    INSERT INTO calls (call) VALUES (concat_ws(' ', 'truncate', function_arg));
END $$;
"#;

/// A request in the provisioning log.
const REQUEST: &str = "INSERT INTO requests (tenant_id, id, at, request_id, method, path, operation, outcome, status, actor_kind, actor_id,
    actor_name, microseconds)
    VALUES (gen_random_uuid(), gen_random_uuid(), now(), 'r', 'GET', '/Users', 'query', 'ok', 200, 'token', 't', 'okta', 1)";

/// A database of its own.
struct Database(&'static str);

impl Database {
    fn empty(name: &'static str) -> Self {
        Self::cluster(&format!("CREATE DATABASE {name}"));
        Self(name)
    }

    /// One in which the stand-in is.
    fn with_stand_in(name: &'static str) -> Self {
        let made = Self::empty(name);
        Self::cluster(&format!("ALTER DATABASE {name} SET search_path = public, stand_in"));
        database::execute(&mut made.connect(), STAND_IN);
        made
    }

    fn cluster(statement: &str) {
        database::execute(&mut database::connect(&shared().data_dir, "postgres"), statement);
    }

    fn url(&self) -> String {
        database::url(&shared().data_dir, self.0)
    }

    fn connect(&self) -> PgConnection {
        database::connect(&shared().data_dir, self.0)
    }

    fn execute(&self, statements: &str) {
        database::execute(&mut self.connect(), statements);
    }

    fn texts(&self, query: &str) -> Vec<String> {
        database::texts(&mut self.connect(), query)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.args(arguments).args(["--database-url", &self.url()]);
        command
    }

    /// Asserts what a command prints and its exit code.
    fn says(&self, arguments: &[&str], code: i32, said: &str) {
        let output = self.command(arguments).output().unwrap();
        assert_eq!((output.status.code(), self::said(&output).as_str()), (Some(code), said), "{arguments:?}");
    }

    /// The state and the text of what the doctor says of the cluster.
    fn diagnosis(&self) -> Option<(String, String)> {
        let output = self.command(&["doctor", "--json"]).output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = answer["findings"].as_array().unwrap().iter().find(|found| found["check"] == "database.citus")?;
        Some(["state", "said"].map(|key| found[key].as_str().unwrap().to_owned()).into())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        Self::cluster(&format!("DROP DATABASE {} WITH (FORCE)", self.0));
    }
}

fn said(output: &Output) -> String {
    // What Postgres tells of its own accord is not ours.
    let errors = String::from_utf8_lossy(&output.stderr);
    let errors = errors.lines().filter(|line| !line.starts_with("NOTICE")).map(|line| format!("{line}\n"));
    format!("{}{}", String::from_utf8_lossy(&output.stdout), errors.collect::<String>())
}

fn placed(place: Place) -> Vec<&'static str> {
    TABLES.iter().filter(|(_, its)| *its == place).map(|(table, _)| *table).collect()
}

#[test]
fn each_table_has_a_place_on_a_cluster() {
    let mut placed: Vec<&str> = TABLES.iter().map(|(table, _)| *table).collect();
    placed.sort_unstable();
    let made = "SELECT relname::text AS value FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        ORDER BY relname::text COLLATE \"C\"";
    let mut pg = database::connect(&shared().data_dir, "provisor");
    assert_eq!(placed, database::texts(&mut pg, made));
}

#[test]
fn tables_on_the_workers_are_as_citus_demands() {
    let database = Database::with_stand_in("citus_demands");
    store::migrate(&database.url()).unwrap();
    let refusals = |table: &str, beside: &[&str]| {
        let beside = beside.join(",");
        database.texts(&format!(
            "SELECT '{table} ' || refusal AS value FROM refusals('{table}', 'tenant_id', '{{{beside}}}') AS refusal"
        ))
    };
    let workers = placed(Place::Workers);
    assert!(!workers.is_empty());
    let refused: Vec<String> = workers.iter().flat_map(|table| refusals(table, &workers)).collect();
    assert_eq!(refused, Vec::<String>::new());

    // Triggers alone are in the way of the data of tenants that is written with the audit log.
    let data = placed(Place::WithAuditLog);
    let refused: Vec<String> = data.iter().flat_map(|table| refusals(table, &data)).collect();
    let triggers = [
        ("checkpoint_signatures", "append_only"),
        ("checkpoints", "append_only"),
        ("events", "append_only"),
        ("events", "wait"),
        ("seals", "append_only"),
    ];
    assert_eq!(refused, triggers.map(|(table, name)| format!("audit_{table} trigger: audit_{table}_{name}")));

    // What is on the coordinator could be nowhere else.
    for table in placed(Place::Coordinator) {
        assert_ne!(refusals(table, &[table]), Vec::<String>::new(), "{table}");
    }
}

#[test]
fn statements_on_tables_on_the_workers_read_no_others() {
    let allowed = include_str!("../../src/store/schema.rs").split("allow_tables_to_appear_in_same_query!(").skip(1);
    let together = allowed.map(|rest| rest.split(')').next().unwrap().split(',').map(str::trim).collect());
    let workers = placed(Place::Workers);
    let mixed: Vec<Vec<&str>> =
        together.filter(|names: &Vec<&str>| names.iter().any(|name| workers.contains(name))).collect();
    // Whether there is another tenant, in a subquery that Citus carries out first.
    assert_eq!(mixed, [["requests", "tenants"]]);
}

#[test]
fn the_time_of_a_later_state_is_immutable_as_citus_demands_of_updates() {
    let source = include_str!("../../src/store/resources.rs");
    let start = source.split("const NEXT_MILLISECOND: &str =").nth(1).unwrap();
    let expression = start.split('"').nth(1).unwrap();
    let mut pg = database::connect(&shared().data_dir, "provisor");
    // Postgres demands of what it generates what Citus demands of an UPDATE.
    database::execute(
        &mut pg,
        &format!(
            "SET timezone = 'Europe/Berlin';
            CREATE TEMPORARY TABLE resources (last_modified_at timestamptz, later timestamptz GENERATED ALWAYS AS ({expression}) STORED);
            INSERT INTO resources VALUES ('2026-10-25 00:59:59.999+00'), ('2026-03-29 00:59:59.999+00'), ('2026-11-27 01:02:03.456789+00')"
        ),
    );
    let wrong = "SELECT later::text AS value FROM resources WHERE later <> last_modified_at + interval '1 millisecond'";
    assert_eq!(database::texts(&mut pg, wrong), Vec::<String>::new());
}

#[test]
fn tables_are_brought_to_the_workers_once() {
    let database = Database::with_stand_in("citus_log");
    store::migrate(&database.url()).unwrap();
    database.execute(REQUEST);
    let missing = "not distributed: requests\nnot distributed: request_counts\nnot distributed: user_counts\n";
    let up_to_date = "the schema is up to date\n";
    database.says(&["migrate", "--check"], 0, &format!("{missing}{up_to_date}"));
    let hint = "not everything is where it belongs on a cluster of Citus; 'provisor migrate --citus' brings it there";
    database.says(&["migrate", "--check", "--citus"], 1, &format!("{missing}provisor: {hint}\n"));
    assert_eq!(database.diagnosis().unwrap().0, "warning");

    let distributed =
        "distributed requests by tenant\ndistributed request_counts by tenant\ndistributed user_counts by tenant\n";
    let emptied = "deleted the rows of requests that the coordinator had kept\n";
    database.says(&["migrate", "--citus"], 0, &format!("{distributed}{emptied}{up_to_date}"));
    let calls = [
        "distribute requests tenant_id hash none",
        "distribute request_counts tenant_id hash requests",
        "distribute user_counts tenant_id hash requests",
        "truncate requests",
    ];
    let made = "SELECT call AS value FROM calls ORDER BY number";
    assert_eq!(database.texts(made), calls);
    assert_eq!(database.texts("SELECT request_id AS value FROM shards_of_requests"), ["r"]);

    for arguments in
        [&["migrate", "--citus"][..], &["migrate", "--check", "--citus"], &["migrate", "--check"], &["migrate"]]
    {
        database.says(arguments, 0, up_to_date);
    }
    assert_eq!(database.texts(made), calls);
    assert_eq!(database.diagnosis().unwrap().0, "ok");

    // As if a later migration had made a table, and as if the rows had stayed because the command was interrupted.
    database.execute(&format!("DELETE FROM pg_dist_partition WHERE logicalrelid = 'user_counts'::regclass; DROP TABLE shards_of_user_counts; {REQUEST}"));
    let found = "not distributed: user_counts\ndistributed, and kept by the coordinator: requests\n";
    database.says(&["migrate", "--check"], 0, &format!("{found}{up_to_date}"));
    assert!(database.diagnosis().unwrap().1.ends_with("user_counts"));
    database.says(&["migrate", "--citus"], 0, &format!("distributed user_counts by tenant\n{emptied}{up_to_date}"));
}

#[test]
fn migrations_come_before_the_tables_that_they_make_are_distributed() {
    let database = Database::with_stand_in("citus_fresh");
    let output = database.command(&["migrate", "--citus"]).output().unwrap();
    let said = said(&output);
    assert!(output.status.success() && said.starts_with("applied 2026-11-23-000001_create_tenants\n"), "{said}");
    assert!(said.ends_with("\ndistributed user_counts by tenant\nthe schema is up to date\n"), "{said}");
}

#[test]
fn a_table_that_has_to_stay_on_the_coordinator_is_told_of() {
    let database = Database::with_stand_in("citus_astray");
    store::migrate(&database.url()).unwrap();
    for (row, table) in [
        ("('resources', 'h', 'tenant_id', 1)", "resources"),
        ("('tenants', 'n', NULL, 1)", "tenants"),
        ("('requests', 'h', 'id', 1)", "requests"),
    ] {
        database.execute(&format!("INSERT INTO pg_dist_partition VALUES {row}"));
        let output = database.command(&["migrate", "--citus"]).output().unwrap();
        let refusal =
            format!("as Citus has distributed them: {table}; bring each back by SELECT undistribute_table('NAME')");
        assert!(output.status.code() == Some(78) && said(&output).contains(&refusal), "{}", said(&output));
        let (state, said) = database.diagnosis().unwrap();
        assert!(state == "error" && said.ends_with(table), "{said}");
        let check = self::said(&database.command(&["migrate", "--check"]).output().unwrap());
        assert!(check.contains(&format!("distributed, and not to be: {table}\n")), "{check}");
        database.execute("DELETE FROM pg_dist_partition");
    }
    assert_eq!(database.texts("SELECT call AS value FROM calls"), Vec::<String>::new());
}

#[test]
fn a_database_without_citus_is_refused_before_anything_is_changed() {
    let refusal = "the database has no extension citus: name the coordinator of the cluster";
    let refused = |output: &Output| {
        assert_eq!(output.status.code(), Some(78), "{}", said(output));
        assert!(output.stdout.is_empty() && said(output).contains(refusal), "{}", said(output));
    };
    let database = Database::empty("citus_none");
    let tables = "SELECT relname::text AS value FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    for arguments in [&["migrate", "--citus"][..], &["migrate", "--citus", "--check"]] {
        refused(&database.command(arguments).output().unwrap());
        assert_eq!(database.texts(tables), Vec::<String>::new());
    }
    // Without the flag it is never spoken of.
    store::migrate(&database.url()).unwrap();
    database.says(&["migrate"], 0, "the schema is up to date\n");
    database.says(&["migrate", "--check"], 0, "the schema is up to date\n");
    assert_eq!(database.diagnosis(), None);

    let data = temporary_directory("nocitus");
    let private = |data: &Path| program().args(["migrate", "--citus", "--data-dir"]).arg(data).output().unwrap();
    refused(&private(&data));
    assert!(!data.exists());
}
