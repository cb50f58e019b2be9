//! The people and groups of a run: invented, the same for the same run and number, and unlike those of any other run.

use serde_json::{Value, json};

use super::step::{ENTERPRISE, GROUP, USER};

/// Given names, as they are written and as they stand in an address.
const GIVEN: [(&str, &str); 32] = [
    ("Amara", "Amara"),
    ("Benedikt", "Benedikt"),
    ("Chloé", "Chloe"),
    ("Dmitri", "Dmitri"),
    ("Élodie", "Elodie"),
    ("Farouk", "Farouk"),
    ("Greta", "Greta"),
    ("Håkon", "Hakon"),
    ("Ines", "Ines"),
    ("Jorge", "Jorge"),
    ("Kaito", "Kaito"),
    ("Lucía", "Lucia"),
    ("Mateus", "Mateus"),
    ("Nadia", "Nadia"),
    ("Oisín", "Oisin"),
    ("Priya", "Priya"),
    ("Quentin", "Quentin"),
    ("Renée", "Renee"),
    ("Søren", "Soren"),
    ("Tuğba", "Tugba"),
    ("Umar", "Umar"),
    ("Valentina", "Valentina"),
    ("Wiktor", "Wiktor"),
    ("Ximena", "Ximena"),
    ("Yusuf", "Yusuf"),
    ("Zoë", "Zoe"),
    ("Adaeze", "Adaeze"),
    ("Bronwyn", "Bronwyn"),
    ("Chidi", "Chidi"),
    ("Daniela", "Daniela"),
    ("Emre", "Emre"),
    ("Freya", "Freya"),
];
/// Family names, the same way. Their number has no divisor in common with that of the given names, so that pairs repeat late.
const FAMILY: [(&str, &str); 31] = [
    ("Abernathy", "Abernathy"),
    ("Bauer", "Bauer"),
    ("Castellanos", "Castellanos"),
    ("Dubois", "Dubois"),
    ("Eriksen", "Eriksen"),
    ("Fernández", "Fernandez"),
    ("Grünwald", "Gruenwald"),
    ("Haddad", "Haddad"),
    ("Ivanova", "Ivanova"),
    ("Jankowski", "Jankowski"),
    ("Kobayashi", "Kobayashi"),
    ("Lindqvist", "Lindqvist"),
    ("Mbeki", "Mbeki"),
    ("Núñez", "Nunez"),
    ("O'Leary", "OLeary"),
    ("Petrov", "Petrov"),
    ("Quiroga", "Quiroga"),
    ("Rasmussen", "Rasmussen"),
    ("Sato", "Sato"),
    ("Tremblay", "Tremblay"),
    ("Ueda", "Ueda"),
    ("Varga", "Varga"),
    ("Watanabe", "Watanabe"),
    ("Xu", "Xu"),
    ("Yılmaz", "Yilmaz"),
    ("Zieliński", "Zielinski"),
    ("Achterberg", "Achterberg"),
    ("Bianchi", "Bianchi"),
    ("Calloway", "Calloway"),
    ("Drăgulescu", "Dragulescu"),
    ("Engström", "Engstroem"),
];
/// Departments and a title in each.
const DEPARTMENTS: [(&str, &str); 8] = [
    ("Engineering", "Software Engineer"),
    ("Sales", "Account Executive"),
    ("Finance", "Controller"),
    ("Support", "Support Engineer"),
    ("Design", "Product Designer"),
    ("Legal", "Counsel"),
    ("Operations", "Site Reliability Engineer"),
    ("People", "Recruiter"),
];
/// What groups are for, and where.
const TEAMS: [&str; 8] =
    ["Engineers", "Account Managers", "Auditors", "On Call", "Editors", "Contractors", "Managers", "Everyone"];
const PLACES: [&str; 7] = ["Berlin", "Lisbon", "Toronto", "Osaka", "Nairobi", "Bogotá", "Oslo"];

/// Somebody who is assigned to the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub(super) given: &'static str,
    pub(super) family: &'static str,
    pub(super) user_name: String,
    /// The address, which stays when the userName changes.
    pub(super) email: String,
    pub(super) active: bool,
    external_id: String,
    password: String,
    number: usize,
}

impl Person {
    /// The person of this number in a run.
    #[must_use]
    pub fn invent(run: &str, number: usize) -> Self {
        let (given, given_plain) = GIVEN[number % GIVEN.len()];
        let (family, family_plain) = FAMILY[number % FAMILY.len()];
        let email = format!("{given_plain}.{family_plain}.{number}@{run}.example.com");
        Self {
            given,
            family,
            user_name: email.clone(),
            email,
            active: true,
            // Twenty characters that begin with 00u, as Okta's ids of users do.
            external_id: format!("00u{run:0>8.8}{number:09}"),
            // A placeholder that nobody knows, as Okta sends one where passwords are not synchronized.
            password: format!("Aa1!{run}{number:06}"),
            number,
        }
    }

    /// The user as Okta creates it.
    pub(super) fn created(&self) -> Value {
        let (department, title) = DEPARTMENTS[self.number % DEPARTMENTS.len()];
        let mut user = self.profile();
        user["schemas"] = json!([USER, ENTERPRISE]);
        user["displayName"] = self.display_name().into();
        user["title"] = title.into();
        user["locale"] = "en-US".into();
        user["groups"] = json!([]);
        user["password"] = self.password.as_str().into();
        user[ENTERPRISE] = json!({"employeeNumber": format!("{:05}", self.number + 1), "department": department});
        user
    }

    /// The same person with another given name, as somebody has it who was entered wrongly.
    pub(super) fn corrected(&self) -> Self {
        Self { given: GIVEN[(self.number + 1) % GIVEN.len()].0, ..self.clone() }
    }

    /// What Okta sends of its own with each PUT.
    pub(super) fn profile(&self) -> Value {
        json!({
            "userName": self.user_name,
            "name": {"givenName": self.given, "familyName": self.family},
            "emails": [{"primary": true, "value": self.email, "type": "work"}],
            "externalId": self.external_id,
            "active": self.active,
        })
    }

    pub(super) fn display_name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }

    /// Whether a user has Okta's id of this person.
    pub(super) fn is_known_by(&self, user: &Value) -> bool {
        user["externalId"] == self.external_id.as_str()
    }
}

/// The name of the group of this number in a run.
#[must_use]
pub fn group_name(run: &str, number: usize) -> String {
    let (team, place) = (TEAMS[number % TEAMS.len()], PLACES[number % PLACES.len()]);
    format!("{place} {team} {number} ({run})")
}

/// A group as Okta sends it: members with their name, without type and `$ref`.
pub(super) fn group(name: &str, members: &[Value]) -> Value {
    json!({"schemas": [GROUP], "displayName": name, "members": members})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everybody_in_every_run_is_somebody_else() {
        let names: BTreeSet<String> = ["0a1b2c3d", "0a1b2c3e"]
            .iter()
            .flat_map(|run| (0..2_000).map(|number| Person::invent(run, number).user_name.to_lowercase()))
            .collect();
        assert_eq!(names.len(), 4_000);
        let pairs: BTreeSet<String> = (0..900).map(|number| Person::invent("r", number).display_name()).collect();
        assert_eq!(pairs.len(), 900);
        assert_eq!(Person::invent("0a1b2c3d", 7).external_id.len(), 20);
        let groups: BTreeSet<String> = (0..500).map(|number| group_name("r", number)).collect();
        assert_eq!(groups.len(), 500);
    }
}
