//! Subject keys: the same person or asset across systems, so that a leaver in one can be looked for in another.
//!
//! | key | for |
//! | --- | --- |
//! | `person:ada@example.com` | a person, by primary work address in lower case |
//! | `account:SOURCE TENANT:ID` | an account of no known person: a service account, a shared one |
//! | `asset:arn:aws:s3:::logs` | a resource, by its vendor's global name |
//! | `device:C02XK0ABCDEF` | a device, by serial number in upper case |
//! | `repo:github.com/example/app` | a repository, by host and path in lower case |

/// A person by primary work address; an account of the tenant where there is no address.
pub fn person_or_account(email: Option<&str>, tenant: &str, id: &str) -> String {
    email.and_then(person).unwrap_or_else(|| account(tenant, id))
}

/// A person by primary work address. None where that is no address.
pub fn person(email: &str) -> Option<String> {
    let email = email.trim();
    let (name, domain) = email.rsplit_once('@')?;
    let fits = !name.is_empty() && domain.contains('.') && !email.contains(char::is_whitespace);
    fits.then(|| format!("person:{}", email.to_lowercase()))
}

/// An account of no known person.
pub fn account(tenant: &str, id: &str) -> String {
    format!("account:{tenant}:{id}")
}

/// A resource by its vendor's global name: an ARN, an Azure resource id, a Google full resource name.
pub fn asset(name: &str) -> String {
    format!("asset:{name}")
}

/// A device by serial number.
pub fn device(serial: &str) -> String {
    format!("device:{}", serial.trim().to_uppercase())
}

/// A repository by host and path, `github.com` and `example/app`.
pub fn repository(host: &str, path: &str) -> String {
    format!("repo:{}/{}", host.to_lowercase(), path.trim_matches('/').to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        assert_eq!(person(" Ada@Example.com").as_deref(), Some("person:ada@example.com"));
        for no_address in ["ada", "ada@", "@example.com", "a b@example.com", "root@localhost"] {
            assert_eq!(person(no_address), None, "{no_address}");
        }
        assert_eq!(
            person_or_account(Some("ci-bot"), "example.okta.com", "00u1"),
            "account:example.okta.com:00u1"
        );
        assert_eq!(repository("GitHub.com", "/Example/App/"), "repo:github.com/example/app");
        assert_eq!(device(" c02xk0abcdef"), "device:C02XK0ABCDEF");
    }
}
