//! The operation types of a GraphQL request (GraphQL specification, October 2021, sections 2.1 to 2.3).
//!
//! Only the definitions at the document's top level are told apart; everything inside braces is skipped,
//! strings and comments being read so that a brace within them counts for nothing. All definitions count,
//! whatever `operationName` selects. What cannot be told is an error, and so is never granted.

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeSet;

/// One request as GraphQL over HTTP has it. Derived, so that a member given twice is an error.
#[derive(Deserialize)]
struct Request {
    query: String,
    #[serde(default, rename = "operationName")]
    _operation_name: IgnoredAny,
    #[serde(default, rename = "variables")]
    _variables: IgnoredAny,
}

/// The operation types (`query`, `mutation`, `subscription`) of the JSON body of a POST, a batch included.
pub(super) fn types_of_body(body: &[u8]) -> Result<BTreeSet<&'static str>, String> {
    let first = body.iter().find(|b| !b.is_ascii_whitespace());
    let requests: Vec<Request> = match first {
        Some(b'[') => serde_json::from_slice(body),
        _ => serde_json::from_slice(body).map(|request| vec![request]),
    }
    .map_err(|e| format!("the body is not a GraphQL request with a `query`: {e}"))?;
    if requests.is_empty() {
        return Err("the body is an empty batch".to_owned());
    }
    let mut types = BTreeSet::new();
    for request in &requests {
        types.extend(types_of_document(&request.query)?);
    }
    Ok(types)
}

/// The operation types in one document.
pub(super) fn types_of_document(document: &str) -> Result<BTreeSet<&'static str>, String> {
    let mut types = BTreeSet::new();
    let mut tokens = Tokens { rest: document };
    while let Some(token) = tokens.next()? {
        match token {
            Token::Punctuator('{') => {
                types.insert("query");
                tokens.skip_braces()?;
            }
            Token::Name("query") => {
                types.insert("query");
                tokens.skip_definition()?;
            }
            Token::Name("mutation") => {
                types.insert("mutation");
                tokens.skip_definition()?;
            }
            Token::Name("subscription") => {
                types.insert("subscription");
                tokens.skip_definition()?;
            }
            Token::Name("fragment") => tokens.skip_definition()?,
            other => return Err(format!("the GraphQL document has {other:?} where a definition begins")),
        }
    }
    if types.is_empty() { Err("the GraphQL document has no operation".to_owned()) } else { Ok(types) }
}

#[derive(Debug, PartialEq)]
enum Token<'a> {
    Name(&'a str),
    Punctuator(char),
    /// A string, a block string or a part of a number: nothing that matters here.
    Other,
}

struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Result<Option<Token<'a>>, String> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', ',', '\u{feff}']);
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        if first == '#' {
            let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
            self.rest = &self.rest[end..];
            return self.next_after_comment();
        }
        if first == '"' {
            self.skip_string()?;
            return Ok(Some(Token::Other));
        }
        let name_end =
            self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        if name_end > 0 {
            let (name, rest) = self.rest.split_at(name_end);
            self.rest = rest;
            return Ok(Some(if first.is_ascii_digit() { Token::Other } else { Token::Name(name) }));
        }
        self.rest = &self.rest[first.len_utf8()..];
        match first {
            '!' | '$' | '&' | '(' | ')' | '.' | ':' | '=' | '@' | '[' | ']' | '{' | '|' | '}' | '-' | '+' => {
                Ok(Some(Token::Punctuator(first)))
            }
            _ => Err(format!("the GraphQL document has the character {first:?}")),
        }
    }

    /// Many comments in a row are a loop, not a recursion.
    fn next_after_comment(&mut self) -> Result<Option<Token<'a>>, String> {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', ',', '\u{feff}']);
            if !self.rest.starts_with('#') {
                return self.next();
            }
            let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
            self.rest = &self.rest[end..];
        }
    }

    fn skip_string(&mut self) -> Result<(), String> {
        let unfinished = || "the GraphQL document has a string without an end".to_owned();
        if let Some(block) = self.rest.strip_prefix("\"\"\"") {
            let mut from = 0;
            loop {
                let end = from + block[from..].find("\"\"\"").ok_or_else(unfinished)?;
                if !block[..end].ends_with('\\') {
                    self.rest = &block[end + 3..];
                    return Ok(());
                }
                from = end + 3;
            }
        }
        let mut escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(());
                }
                '\n' | '\r' => break,
                _ => {}
            }
        }
        Err(unfinished())
    }

    /// From a definition's keyword to the end of its selection set. Braces of default values inside
    /// parentheses are no selection set.
    fn skip_definition(&mut self) -> Result<(), String> {
        let mut parentheses = 0_u32;
        loop {
            match self.next()? {
                Some(Token::Punctuator('(')) => parentheses += 1,
                Some(Token::Punctuator(')')) => {
                    parentheses = parentheses
                        .checked_sub(1)
                        .ok_or("the GraphQL document closes a parenthesis that is not open")?;
                }
                Some(Token::Punctuator('{')) if parentheses == 0 => return self.skip_braces(),
                Some(Token::Punctuator('}')) if parentheses == 0 => {
                    return Err("the GraphQL document closes a brace that is not open".to_owned());
                }
                Some(_) => {}
                None => return Err("the GraphQL document ends within a definition".to_owned()),
            }
        }
    }

    /// After an opening brace, to its closing one.
    fn skip_braces(&mut self) -> Result<(), String> {
        let mut depth = 1_u32;
        while depth > 0 {
            match self.next()? {
                Some(Token::Punctuator('{')) => depth += 1,
                Some(Token::Punctuator('}')) => depth -= 1,
                Some(_) => {}
                None => return Err("the GraphQL document ends within braces".to_owned()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(document: &str) -> Result<Vec<&'static str>, String> {
        types_of_document(document).map(|types| types.into_iter().collect())
    }

    #[test]
    fn tells_operations_apart() {
        for (document, found) in [
            ("{ viewer { login } }", vec!["query"]),
            ("query Q($n: Int = 1) @x { a(first: $n) { b } }", vec!["query"]),
            ("query Q($o: In = {k: \"}\"}) { a }", vec!["query"]),
            ("mutation { addStar(input: {id: 1}) { id } }", vec!["mutation"]),
            ("query A { a } mutation B { b }", vec!["mutation", "query"]),
            ("fragment F on T { x } query { ...F }", vec!["query"]),
            ("# mutation { x }\n# more\n, query { a }", vec!["query"]),
            ("{ a(s: \"} mutation { b }\") }", vec!["query"]),
            ("{ a(s: \"\"\"\\\"\"\" } mutation \"\"\") }", vec!["query"]),
            ("\u{feff}subscription S { x }", vec!["subscription"]),
            ("{ a } # {\n mutation { b }", vec!["mutation", "query"]),
        ] {
            assert_eq!(types(document), Ok(found), "{document}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_an_error() {
        for bad in [
            "",
            "fragment F on T { x }",
            "query",
            "query { a",
            "{ a(s: \"x) }",
            "{ a(s: \"\"\"x) }",
            "type T { x: Int }",
            "query ) { a }",
            "} mutation { a }",
            "{ a } \u{0} mutation { b }",
            "Mutation { a }",
        ] {
            assert!(types(bad).is_err(), "{bad}");
        }
        assert!(types(&"# x\n".repeat(100_000)).is_err());
    }

    #[test]
    fn bodies() {
        let of = |body: &str| types_of_body(body.as_bytes());
        assert_eq!(of(r#"{"query":"{a}","variables":{"x":null,"y":1.5}}"#).unwrap().len(), 1);
        assert!(of(r#"[{"query":"{a}"},{"query":"mutation{b}"}]"#).unwrap().contains("mutation"));
        for bad in [
            r#"{"query":"{a}","query":"mutation{b}"}"#,
            r#"{"extensions":{"persistedQuery":{"sha256Hash":"00"}}}"#,
            "[]",
            "query=mutation{b}",
            "",
        ] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
