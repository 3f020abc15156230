//! JSON values as XML documents, in the manner of AWS: an object's fields are elements, a list is an element
//! around one element for each of its items, null is absent.

use quick_xml::escape::escape;
use serde_json::Value;

/// What an item of the list `name` is called.
pub(crate) type ItemName = fn(&str) -> &str;

/// The query protocol calls every item `member`, except where the service's model says otherwise (RDS).
pub(crate) fn item_of_query(list: &str) -> &str {
    match list {
        "DBInstances" => "DBInstance",
        "DBParameterGroups" => "DBParameterGroup",
        "VpcSecurityGroups" => "VpcSecurityGroupMembership",
        "TagList" => "Tag",
        "SummaryMap" => "entry",
        _ => "member",
    }
}

/// EC2 calls every item `item`.
pub(crate) fn item_of_ec2(_list: &str) -> &str {
    "item"
}

/// S3 has a name for each.
pub(crate) fn item_of_s3(list: &str) -> &str {
    match list {
        "Buckets" => "Bucket",
        _ => "member",
    }
}

/// A document whose root element is `root`.
pub(crate) fn document(root: &str, namespace: Option<&str>, body: &Value, item: ItemName) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let attribute = namespace.map(|n| format!(" xmlns=\"{n}\"")).unwrap_or_default();
    out.push_str(&format!("<{root}{attribute}>"));
    content(&mut out, root, body, item);
    out.push_str(&format!("</{root}>"));
    out
}

fn element(out: &mut String, name: &str, value: &Value, item: ItemName) {
    if !value.is_null() {
        out.push_str(&format!("<{name}>"));
        content(out, name, value, item);
        out.push_str(&format!("</{name}>"));
    }
}

fn content(out: &mut String, name: &str, value: &Value, item: ItemName) {
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
        Value::String(text) => out.push_str(&escape(text.as_str())),
        Value::Array(items) => items.iter().for_each(|v| element(out, item(name), v, item)),
        Value::Object(fields) => fields.iter().for_each(|(name, v)| element(out, name, v, item)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_nulls_and_escapes() {
        let body = json!({"Users": [{"Name": "a<b"}, {"Name": "c"}], "Marker": null, "IsTruncated": false});
        let text = document("R", Some("urn:x"), &body, item_of_query);
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R xmlns=\"urn:x\"><IsTruncated>false</IsTruncated>\
            <Users><member><Name>a&lt;b</Name></member><member><Name>c</Name></member></Users></R>";
        assert_eq!(text, expected);
    }
}
