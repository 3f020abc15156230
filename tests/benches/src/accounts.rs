//! Made-up accounts of about 1.2 KB, as Okta's API shows them.
//!
//! They are all deprovisioned, for Okta has second factors of every other account, and is asked for them one by one.

/// Accounts on a page.
pub const PAGE: usize = 200;

const DEPARTMENTS: [&str; 6] = ["Engineering", "Finance", "Operations", "People", "Sales", "Support"];

/// Account `number`, changed `version` times. A change moves the day of the last sign-in, and a few instants.
pub fn account(number: usize, version: u32, origin: &str, out: &mut String) {
    use std::fmt::Write as _;
    let mixed = mix(number as u64);
    let (year, day, hour) = (mixed % 6, mixed / 7 % 28 + 1, mixed / 300 % 24);
    let seen = mix(number as u64 + (u64::from(version) << 32));
    let (seen_day, seen_hour, seen_minute) = (seen % 28 + 1, seen / 50 % 24, seen / 2000 % 60);
    let id = id(number);
    let given = format!("Person{}", mixed % 5_003);
    let family = format!("Example-{number}");
    let login = format!("person.{number}@example.com");
    let department = DEPARTMENTS[(mixed / 11 % 6) as usize];
    let manager = format!("person.{}@example.com", number / 9);
    let created = format!("202{year}-03-{day:02}T{hour:02}:14:07.000Z");
    let left = format!("2025-11-{seen_day:02}T{seen_hour:02}:{seen_minute:02}:31.000Z");
    let _ = write!(
        out,
        r#"{{"id":"{id}","status":"DEPROVISIONED","created":"{created}","activated":"{created}",
"statusChanged":"{left}","lastLogin":"{left}","lastUpdated":"{left}","passwordChanged":"{created}",
"type":{{"id":"oty1a2b3c4d5e6f7g8h9"}},
"profile":{{"firstName":"{given}","lastName":"{family}","displayName":"{given} {family}","login":"{login}",
"email":"{login}","secondEmail":null,"mobilePhone":null,"employeeNumber":"E{number:06}",
"title":"Specialist in matters of {department}","department":"{department}","costCenter":"CC-{cost}",
"division":"Division {division}","organization":"Example Ltd","manager":"{manager}","managerId":"{manager_id}",
"userType":"Employee","city":"Dublin","countryCode":"IE","locale":"en_IE","timezone":"Europe/Dublin",
"preferredLanguage":"en"}},
"credentials":{{"password":{{}},"emails":[{{"value":"{login}","status":"VERIFIED","type":"PRIMARY"}}],
"provider":{{"type":"OKTA","name":"OKTA"}}}},
"_links":{{"self":{{"href":"{origin}/api/v1/users/{id}"}},
"delete":{{"href":"{origin}/api/v1/users/{id}","method":"DELETE"}}}}}}"#,
        cost = mixed % 900,
        division = mixed % 40,
        manager_id = self::id(number / 9),
    );
}

/// The page of these accounts, given by the number of changes of each, the first being account `first`.
pub fn page(first: usize, versions: &[u32], origin: &str) -> String {
    let mut page = String::from("[");
    for (number, version) in (first..).zip(versions) {
        if number > first {
            page.push(',');
        }
        account(number, *version, origin, &mut page);
    }
    page.push(']');
    page
}

/// Changes one account in a hundred, at random; which ones depends on `seed` alone.
pub fn change(versions: &mut [u32], seed: u64) {
    let count = versions.len();
    for turn in 0..count / 100 {
        let chosen = mix(seed.wrapping_mul(0x9e37_79b9).wrapping_add(turn as u64)) as usize % count;
        versions[chosen] += 1;
    }
}

/// Ids ascend with the number, as Okta's do with time.
fn id(number: usize) -> String {
    format!("00u{number:08}{:06x}xyz", mix(number as u64) & 0xff_ffff)
}

/// SplitMix64: a number that looks random, from any other.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
