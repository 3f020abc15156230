//! Answers, the items in them, and where each item stood.

use crate::EvidenceKind;
use crate::failure::{Failure, Result};
use crate::host::RawResponse;
use crate::json;
use crate::population::Record;
use crate::xml::Element;
use serde::de::DeserializeOwned;
use std::fmt;
use std::ops::Deref;

/// Where in which exchange a fact stood. Every record cites at least one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    pub(crate) exchange: String,
    pub(crate) pointer: String,
}

impl Origin {
    /// A place below this one: `/credentials/provider`.
    pub fn below(&self, pointer: &str) -> Self {
        Self { exchange: self.exchange.clone(), pointer: format!("{}{pointer}", self.pointer) }
    }

    /// JSON pointer, or slash path of an XML element.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// The exchange.
    pub fn exchange(&self) -> &str {
        &self.exchange
    }
}

/// One answer: a page of a list, or the answer to a single request.
#[derive(Clone)]
pub struct Page {
    answer: RawResponse,
    asked: String,
    items: Option<String>,
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RawResponse { status, exchange, body, .. } = &self.answer;
        write!(f, "{}: {status}, {} bytes, exchange {exchange}", self.asked, body.len())
    }
}

impl Page {
    pub(crate) fn new(answer: RawResponse, asked: &str, items: Option<String>) -> Self {
        Self { answer, asked: asked.to_owned(), items }
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.answer.status
    }

    /// Method and URL of the request that began the list.
    pub fn asked(&self) -> &str {
        &self.asked
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.answer.body
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.answer.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Names the recorded exchange.
    pub fn exchange(&self) -> &str {
        &self.answer.exchange
    }

    /// A place in this answer; `""` is the whole.
    pub fn origin(&self, pointer: &str) -> Origin {
        Origin { exchange: self.answer.exchange.clone(), pointer: pointer.to_owned() }
    }

    /// The body read as JSON. Fails with the place that does not fit.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        json::read(&self.answer.body).map_err(|what| self.unreadable(&what))
    }

    /// The body read as JSON, with its origin.
    pub fn item<T: DeserializeOwned>(&self) -> Result<Item<T>> {
        Ok(Item { value: self.json()?, origin: self.origin("") })
    }

    /// The items of the list, where [`Paging::items`](crate::Paging::items) says that they are; without it the page
    /// is the list. An absent or `null` list is an empty one. Fails on the first item that does not fit; use
    /// [`Population::items`](crate::Population::items) where they become records.
    pub fn items<T: DeserializeOwned>(&self) -> Result<Vec<Item<T>>> {
        self.items_at(self.items.as_deref().unwrap_or_default())
    }

    /// The items of the list at this JSON pointer.
    pub fn items_at<T: DeserializeOwned>(&self, pointer: &str) -> Result<Vec<Item<T>>> {
        match self.all_items_at(pointer) {
            Some(items) => Ok(items),
            None => self.try_items_at(pointer)?.collect(),
        }
    }

    /// The items of the list at this JSON pointer; none: not all of them fit.
    pub(crate) fn all_items_at<T: DeserializeOwned>(&self, pointer: &str) -> Option<Vec<Item<T>>> {
        let values = json::all_at(&self.answer.body, pointer)?.into_iter().enumerate();
        let item = |(index, value)| Item { value, origin: self.origin(&format!("{pointer}/{index}")) };
        Some(values.map(item).collect())
    }

    /// Each item of the list, or why it does not fit.
    pub(crate) fn try_items_at<T: DeserializeOwned>(
        &self,
        pointer: &str,
    ) -> Result<impl Iterator<Item = Result<Item<T>>>> {
        let raw = json::list_at(&self.answer.body, pointer).map_err(|what| self.unreadable(&what))?;
        Ok(raw.into_iter().enumerate().map(move |(index, text)| {
            let origin = self.origin(&format!("{pointer}/{index}"));
            match json::read(text.as_bytes()) {
                Ok(value) => Ok(Item { value, origin }),
                Err(what) => Err(self.unreadable(&format!("{}{what}", origin.pointer))),
            }
        }))
    }

    /// The body read as XML.
    pub fn xml(&self) -> Result<Element> {
        Element::parse(&self.answer.body).map_err(|error| self.unreadable(&error.to_string()))
    }

    /// The list's elements, where [`Paging::items`](crate::Paging::items) says that they are.
    pub fn elements(&self) -> Result<Vec<Item<Element>>> {
        self.elements_at(self.items.as_deref().unwrap_or_default())
    }

    /// The elements at this slash path from the root: `/ListUsersResponse/ListUsersResult/Users/member`.
    pub fn elements_at(&self, path: &str) -> Result<Vec<Item<Element>>> {
        let elements = self.xml()?.take(path).into_iter().enumerate();
        Ok(elements
            .map(|(index, value)| Item { value, origin: self.origin(&format!("{path}/{index}")) })
            .collect())
    }

    pub(crate) fn items_place(&self) -> &str {
        self.items.as_deref().unwrap_or_default()
    }

    fn unreadable(&self, what: &str) -> Failure {
        let Page { asked, answer, .. } = self;
        Failure::upstream(format!("{asked} answered {} with what cannot be read: {what}", answer.status))
    }

    /// What the vendor says of an error, in its own words, cut to 300 characters.
    pub fn vendor_message(&self) -> Option<String> {
        let body = &self.answer.body;
        let said = match body.iter().find(|b| !b.is_ascii_whitespace())? {
            b'{' | b'[' => json::vendor_message(body),
            b'<' => Element::parse(body).ok().and_then(|root| root.vendor_message()),
            _ => std::str::from_utf8(body).ok().map(str::to_owned),
        };
        said.map(|said| said.split_whitespace().collect::<Vec<_>>().join(" "))
            .map(|said| said.chars().take(300).collect())
    }
}

/// A value from an answer, and where it stood. Reads like the value itself.
#[derive(Clone, Debug)]
pub struct Item<T> {
    value: T,
    origin: Origin,
}

impl<T> Item<T> {
    /// Where it stood.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The value alone.
    pub fn into_value(self) -> T {
        self.value
    }

    /// A record made from it, under the source's own identifier.
    pub fn record<K: EvidenceKind>(&self, key: impl Into<String>, attributes: K) -> Record<K> {
        Record::new(key, attributes).origin(&self.origin)
    }

    /// Values of a list inside it, with their origins: `user.nested("/credentials", &user.credentials)`.
    pub fn nested<'a, U>(&self, pointer: &str, values: &'a [U]) -> impl Iterator<Item = Item<&'a U>> {
        let list = self.origin.below(pointer);
        let items = values.iter().enumerate();
        items.map(move |(index, value)| Item { value, origin: list.below(&format!("/{index}")) })
    }
}

impl Item<Element> {
    /// Elements inside it at this path, with their origins: `user.elements("Tags/member")`.
    pub fn elements(&self, path: &str) -> impl Iterator<Item = Item<&Element>> {
        nested_elements(&self.value, &self.origin, path)
    }
}

impl<'a> Item<&'a Element> {
    /// Elements inside it at this path, with their origins.
    pub fn elements(&self, path: &str) -> impl Iterator<Item = Item<&'a Element>> {
        nested_elements(self.value, &self.origin, path)
    }
}

fn nested_elements<'a>(
    element: &'a Element,
    origin: &Origin,
    path: &str,
) -> impl Iterator<Item = Item<&'a Element>> + use<'a> {
    let list = origin.below(&format!("/{path}"));
    let found = element.all(path).into_iter().enumerate();
    found.map(move |(index, value)| Item { value, origin: list.below(&format!("/{index}")) })
}

impl<T> Deref for Item<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
