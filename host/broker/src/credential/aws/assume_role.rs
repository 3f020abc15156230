//! AssumeRole by a request of our own, signed like any other: AWS STS API Reference, version 2011-06-15.

use super::super::token::Fresh;
use super::super::{CredentialError, CredentialProblem, Draft, Loader, Means, attach_error};
use super::sign::{Keys, Scope};
use super::{AssumeRoleConfig, is_label, sign_draft};
use exhibit_evidence::fetch::FetchError;
use exhibit_evidence::secret::Secret;
use exhibit_evidence::time::Timestamp;
use quick_xml::events::Event;
use std::collections::BTreeMap;
use url::Url;

pub(super) struct AssumeRole {
    role_arn: String,
    external_id: Option<String>,
    session_name: String,
    duration_s: u32,
    region: String,
    endpoint: Url,
}

impl AssumeRole {
    pub(super) fn load(config: &AssumeRoleConfig, loader: &mut Loader<'_>) -> Result<Self, CredentialError> {
        let refuse =
            |field, problem: &str| Err(loader.fail(field, CredentialProblem::Config(problem.to_owned())));
        let arn: Vec<&str> = config.role_arn.splitn(6, ':').collect();
        if !matches!(arn[..], ["arn", _, "iam", "", account, role] if account.len() == 12 && role.starts_with("role/"))
        {
            return refuse("assume_role.role_arn", "write arn:aws:iam::123456789012:role/NAME");
        }
        let duration_s = config.duration_s.unwrap_or(3600);
        if !(900..=43_200).contains(&duration_s) {
            return refuse("assume_role.duration_s", "AWS allows 900 to 43200 seconds");
        }
        let region = config.region.clone().unwrap_or_else(|| "us-east-1".to_owned());
        if !is_label(&region) {
            return refuse("assume_role.region", "write a region, such as eu-west-1");
        }
        let session_name =
            config.session_name.clone().unwrap_or_else(|| format!("exhibit-{}", loader.source));
        let in_name = |b: u8| b.is_ascii_alphanumeric() || b"_=,.@-".contains(&b);
        if !(2..=64).contains(&session_name.len()) || !session_name.bytes().all(in_name) {
            return refuse("assume_role.session_name", "AWS allows 2 to 64 letters, digits and =,.@_-");
        }
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let endpoint = match &config.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => match Url::parse(&format!("https://sts.{region}.{suffix}/")) {
                Ok(endpoint) => endpoint,
                Err(_) => return refuse("assume_role.region", "write a region, such as eu-west-1"),
            },
        };
        let external_id = match &config.external_id {
            Some(text) => Some(loader.text("assume_role.external_id", text)?),
            None => None,
        };
        let role_arn = config.role_arn.clone();
        Ok(Self { role_arn, external_id, session_name, duration_s, region, endpoint })
    }

    /// Keys of a session of the role.
    pub(super) async fn obtain(
        &self,
        slot: &str,
        keys: &Keys,
        means: &Means<'_>,
    ) -> Result<Fresh<Keys>, FetchError> {
        let body = self.form();
        let mut headers =
            vec![("content-type".to_owned(), "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
        let scope = Scope { service: "sts", region: &self.region, at: means.now };
        let mut url = self.endpoint.clone();
        let mut draft = Draft { method: "POST", url: &mut url, headers: &mut headers, body: body.as_bytes() };
        sign_draft(&mut draft, keys, &scope)?;
        let (status, answer) = means.wire.post(&url, headers, body.into_bytes()).await?;
        let fail = |message: &str, retryable| {
            let text =
                format!("credential `{slot}`: assuming {} at {}: {message}", self.role_arn, self.endpoint);
            attach_error(text, retryable)
        };
        let fields = fields_of(&answer);
        let field = |name: &str| fields.get(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        if status != 200 {
            let code = field("Code").unwrap_or_else(|| "no error code".to_owned());
            let message = field("Message").unwrap_or_default();
            let hint = "Check the keys, the role's trust policy and external_id";
            return Err(fail(&format!("status {status}, {code}: {message}. {hint}"), status >= 500));
        }
        let (Some(id), Some(secret), Some(token), Some(expiration)) =
            (field("AccessKeyId"), field("SecretAccessKey"), field("SessionToken"), field("Expiration"))
        else {
            return Err(fail("the answer has no keys", false));
        };
        let expires_at: Timestamp =
            expiration.parse().map_err(|_| fail("the keys' Expiration is not an instant", false))?;
        let keys = Keys {
            access_key_id: id,
            secret_access_key: Secret::new(secret),
            session_token: Some(Secret::new(token)),
        };
        means.known.add(&keys.secret_access_key);
        if let Some(token) = &keys.session_token {
            means.known.add(token);
        }
        Ok(Fresh { token: keys, expires_at })
    }

    fn form(&self) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", "AssumeRole")
            .append_pair("Version", "2011-06-15")
            .append_pair("RoleArn", &self.role_arn)
            .append_pair("RoleSessionName", &self.session_name)
            .append_pair("DurationSeconds", &self.duration_s.to_string());
        if let Some(id) = &self.external_id {
            form.append_pair("ExternalId", id);
        }
        form.finish()
    }
}

/// The text of each element that has text only, by its name. Of two with one name the first stays. What is not
/// XML gives what was read until there.
fn fields_of(xml: &[u8]) -> BTreeMap<String, String> {
    let mut reader = quick_xml::Reader::from_reader(xml);
    let mut fields = BTreeMap::new();
    let mut open: Option<(String, String)> = None;
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                let name = start.local_name().as_ref().to_owned();
                open = Some((name, String::new()));
            }
            Ok(Event::Text(text)) => {
                if let Some((_, value)) = &mut open {
                    value.push_str(&text);
                }
            }
            Ok(Event::GeneralRef(reference)) => {
                if let Some((_, value)) = &mut open {
                    let named = quick_xml::escape::resolve_xml_entity(&reference).map(str::to_owned);
                    let number = reference.resolve_char_ref().ok().flatten().map(String::from);
                    value.push_str(&named.or(number).unwrap_or_default());
                }
            }
            Ok(Event::End(_)) => {
                if let Some((name, value)) = open.take() {
                    fields.entry(name).or_insert(value);
                }
            }
            Ok(Event::Eof) | Err(_) => return fields,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS STS API Reference, AssumeRole, "Sample Response", shortened.
    const SAMPLE: &[u8] = br#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
  <SourceIdentity>DevUser123</SourceIdentity>
    <AssumedRoleUser>
      <Arn>arn:aws:sts::123456789012:assumed-role/demo/John</Arn>
    </AssumedRoleUser>
    <Credentials>
      <AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
      <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
      <SessionToken>
       AQoDYXdz&#47;&amp;Example
      </SessionToken>
      <Expiration>2019-11-09T13:34:41Z</Expiration>
    </Credentials>
  </AssumeRoleResult>
</AssumeRoleResponse>"#;

    #[test]
    fn reads_the_sample() {
        let fields = fields_of(SAMPLE);
        assert_eq!(fields["AccessKeyId"], "ASIAIOSFODNN7EXAMPLE");
        assert_eq!(fields["SecretAccessKey"], "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY");
        assert_eq!(fields["SessionToken"].trim(), "AQoDYXdz/&Example");
        assert_eq!(fields["Expiration"], "2019-11-09T13:34:41Z");
        assert!(fields_of(b"not xml <").is_empty());
    }
}
