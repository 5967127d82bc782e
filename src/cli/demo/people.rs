//! Who lives in the demo's village. All of it is made up.

/// A member: local part, name, role.
pub struct Person {
    pub local: &'static str,
    pub name: &'static str,
    pub role: &'static str,
}

/// The domain, reserved for examples (RFC 2606).
pub const DOMAIN: &str = "example.test";

const fn person(local: &'static str, name: &'static str, role: &'static str) -> Person {
    Person { local, name, role }
}

pub const PEOPLE: [Person; 12] = [
    person("ada", "Ada Lindqvist", "owner"),
    person("bruno", "Bruno Keller", "domain-admin"),
    person("carla", "Carla Jiménez", "helper"),
    person("dimitri", "Дмитрий Орлов", "member"),
    person("emi", "佐藤 恵美", "member"),
    person("farid", "فريد حداد", "member"),
    person("greta", "Greta Müller", "member"),
    person("hanna", "חנה לוי", "member"),
    person("ines", "Inês Araújo", "member"),
    person("jonas", "Jonas Østby", "member"),
    person("katerina", "Κατερίνα Παππά", "member"),
    person("lars", "Lars Brandt", "member"),
];

/// Addresses that lead to several: name and members.
pub const ALIASES: [(&str, &[&str]); 3] = [
    ("info", &["ada", "carla"]),
    ("choir", &["bruno", "emi", "hanna", "jonas", "katerina", "carla"]),
    ("council", &["ada", "bruno", "carla", "lars"]),
];

/// A member's name; the local part for anybody else.
pub fn name_of(local: &str) -> &str {
    PEOPLE.iter().find(|person| person.local == local).map_or(local, |person| person.name)
}
