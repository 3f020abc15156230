//! XML answers as a small tree. Names are local names: a namespace's prefix is left out.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use std::fmt;

/// Elements may be nested this deep.
const MAX_DEPTH: usize = 128;

/// An XML element.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

/// Why a body is not XML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlError(String);

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not XML: {}", self.0)
    }
}

impl std::error::Error for XmlError {}

impl Element {
    /// Reads a document and returns its root.
    pub fn parse(body: &[u8]) -> Result<Self, XmlError> {
        let text = std::str::from_utf8(body).map_err(|error| XmlError(error.to_string()))?;
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = vec![Self::default()];
        loop {
            let at = reader.buffer_position();
            let fail = |what: &dyn fmt::Display| XmlError(format!("{what}, at byte {at}"));
            let event = reader.read_event().map_err(|error| fail(&error))?;
            match event {
                Event::Start(start) if open.len() > MAX_DEPTH => {
                    return Err(fail(&format_args!("<{}> is nested too deep", start.name().into_inner())));
                }
                Event::Start(start) => open.push(Self::begin(&start).map_err(|error| fail(&error))?),
                Event::Empty(start) => {
                    let element = Self::begin(&start).map_err(|error| fail(&error))?;
                    parent(&mut open).children.push(element);
                }
                Event::End(_) => {
                    let element = open.pop().unwrap_or_default();
                    parent(&mut open).children.push(element);
                }
                Event::Text(text) => {
                    parent(&mut open).text.push_str(&text.xml_content(XmlVersion::Implicit1_0))
                }
                Event::CData(text) => {
                    parent(&mut open).text.push_str(&text.xml_content(XmlVersion::Implicit1_0))
                }
                Event::GeneralRef(reference) => {
                    let text =
                        resolve(&reference).ok_or_else(|| fail(&"an entity that XML does not define"))?;
                    parent(&mut open).text.push_str(&text);
                }
                Event::Eof => break,
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => {}
            }
        }
        match open.as_mut_slice() {
            [document] if document.children.len() == 1 => Ok(document.children.remove(0)),
            [_] => Err(XmlError("one root element is expected".to_owned())),
            _ => Err(XmlError("it ends before its elements do".to_owned())),
        }
    }

    fn begin(start: &BytesStart<'_>) -> Result<Self, quick_xml::Error> {
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0)?;
            attributes.push((attribute.key.local_name().into_inner().to_owned(), value.into_owned()));
        }
        let name = start.local_name().into_inner().to_owned();
        Ok(Self { name, attributes, ..Self::default() })
    }

    /// Its local name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// An attribute by local name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Its own text, without white space around it.
    pub fn own_text(&self) -> &str {
        self.text.trim()
    }

    /// The first element at this slash path below it, `ServerSideEncryptionConfiguration/Rule`.
    pub fn get(&self, path: &str) -> Option<&Self> {
        path.split('/').try_fold(self, |at, step| at.children.iter().find(|child| child.name == step))
    }

    /// Text of the first element at this path; none where there is no such element or it is empty.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.get(path).map(Self::own_text).filter(|text| !text.is_empty())
    }

    /// Flag at this path: `true` and `false`, as XML Schema writes them.
    pub fn flag(&self, path: &str) -> Option<bool> {
        match self.text(path)? {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    /// Anything that can be read from a text, at this path: a number, a [`Timestamp`](crate::Timestamp).
    pub fn read<T: std::str::FromStr>(&self, path: &str) -> Option<T> {
        self.text(path)?.parse().ok()
    }

    /// All elements at this path: of the last step all that bear its name, of those before the first.
    pub fn all(&self, path: &str) -> Vec<&Self> {
        let (parent, last) = match path.rsplit_once('/') {
            Some((before, last)) => (self.get(before), last),
            None => (Some(self), path),
        };
        parent.into_iter().flat_map(|p| &p.children).filter(|child| child.name == last).collect()
    }

    /// Its children in order.
    pub fn children(&self) -> &[Self] {
        &self.children
    }

    /// Moves out all elements at this path, which begins with the name of this root.
    pub(crate) fn take(self, path: &str) -> Vec<Self> {
        let mut steps: Vec<&str> = path.split('/').skip(1).collect();
        let Some(last) = steps.pop() else { return Vec::new() };
        let mut document = Self { children: vec![self], ..Self::default() };
        let mut at = &mut document;
        for step in steps {
            let Some(next) = at.children.iter_mut().find(|child| child.name == step) else {
                return Vec::new();
            };
            at = next;
        }
        std::mem::take(&mut at.children).into_iter().filter(|child| child.name == last).collect()
    }

    /// Code and message of an error, wherever they are.
    pub(crate) fn vendor_message(&self) -> Option<String> {
        let find = |name: &str| self.descend(name).map(Self::own_text).filter(|text| !text.is_empty());
        match (find("Code"), find("Message")) {
            (Some(code), Some(said)) => Some(format!("{code}: {said}")),
            (code, said) => said.or(code).map(str::to_owned),
        }
    }

    fn descend(&self, name: &str) -> Option<&Self> {
        let here = self.children.iter().find(|child| child.name == name);
        here.or_else(|| self.children.iter().find_map(|child| child.descend(name)))
    }
}

/// The innermost open element. The document itself is never closed, so there always is one.
fn parent(open: &mut Vec<Element>) -> &mut Element {
    if open.is_empty() {
        open.push(Element::default());
    }
    let last = open.len() - 1;
    &mut open[last]
}

fn resolve(reference: &BytesRef<'_>) -> Option<String> {
    if let Some(character) = reference.resolve_char_ref().ok()? {
        return Some(character.to_string());
    }
    resolve_xml_entity(reference).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The shape of AWS's documented ListUsers answer.
    const USERS: &str = r#"<?xml version="1.0"?>
        <ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><Users>
          <member><UserName>ada</UserName><Tags><member><Key>a&amp;b&#33;</Key></member></Tags></member>
          <member><UserName>bo</UserName><Arn/></member>
        </Users><IsTruncated>false</IsTruncated></ListUsersResult></ListUsersResponse>"#;

    #[test]
    fn reads_what_is_where() {
        let root = Element::parse(USERS.as_bytes()).unwrap();
        assert_eq!(root.name(), "ListUsersResponse");
        assert_eq!(root.flag("ListUsersResult/IsTruncated"), Some(false));
        let users = root.all("ListUsersResult/Users/member");
        assert_eq!(users.iter().filter_map(|u| u.text("UserName")).collect::<Vec<_>>(), ["ada", "bo"]);
        assert_eq!(users[0].text("Tags/member/Key"), Some("a&b!"));
        assert_eq!(users[1].text("Arn"), None);
        assert_eq!(root.take("/ListUsersResponse/ListUsersResult/Users/member").len(), 2);
    }

    #[test]
    fn refuses_what_is_not_whole() {
        for bad in ["", "text", "<a>", "<a></b>", "<a/><b/>", "<a>&nbsp;</a>", "<a b></a>"] {
            assert!(Element::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Element::parse("<a>".repeat(200).as_bytes()).is_err());
        assert!(Element::parse(&[0x3c, 0xff]).is_err());
    }

    #[test]
    fn namespaces_and_attributes() {
        let root = Element::parse(br#"<s:A xmlns:s="urn:x" s:type="Group" n='1&lt;2'><![CDATA[<x>]]></s:A>"#)
            .unwrap();
        assert_eq!(
            (root.name(), root.attribute("type"), root.attribute("n")),
            ("A", Some("Group"), Some("1<2"))
        );
        assert_eq!(root.own_text(), "<x>");
    }

    #[test]
    fn quotes_the_vendor() {
        // AWS's documented error answer.
        let body = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
        assert_eq!(
            Element::parse(body.as_bytes()).unwrap().vendor_message().as_deref(),
            Some("AccessDenied: no")
        );
    }
}
