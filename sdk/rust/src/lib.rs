//! Write an evidence connector for Exhibit.
//!
//! A connector reads one kind of system over HTTP and emits records. It is compiled to a WebAssembly component
//! that holds no credential, opens no socket and has no clock; the host does all of that for it. Start with
//! [`Connector`], [`Context`] and the [`kinds`]; `exhibit connector new NAME` writes a project that works.
//!
//! ```
//! use exhibit_sdk::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct Settings { domain: String }
//!
//! #[derive(Deserialize)]
//! struct User { id: String, login: String }
//!
//! struct Example;
//!
//! impl Connector for Example {
//!     type Settings = Settings;
//!
//!     fn describe() -> Description {
//!         Description::new("Example", "Accounts of an example system")
//!             .setting(Setting::host("domain", "Domain of the system").example("example.com"))
//!             .kind::<Account>("Which accounts exist?")
//!     }
//!
//!     fn check(ctx: &Context, s: &Settings) -> Result<String> {
//!         ctx.get(format!("https://{}/api/me", s.domain)).auth("example").send()?;
//!         Ok(s.domain.clone())
//!     }
//!
//!     fn collect(ctx: &Context, s: &Settings) -> Result<()> {
//!         let mut accounts = ctx.population::<Account>("all users in every status");
//!         let list = ctx.get(format!("https://{}/api/users", s.domain)).auth("example");
//!         for page in list.paged(Paging::link_header().items("")).pages() {
//!             for user in accounts.items::<User>(&page?)? {
//!                 accounts.emit(user.record(&user.id, Account::new(&user.login)).unknown("mfa_status"))?;
//!             }
//!         }
//!         accounts.seal()
//!     }
//! }
//!
//! exhibit_sdk::export!(Example);
//! ```
//!
//! Where one list feeds several kinds, and a system withholds some of what is asked, see [`wanted`].
//!
//! The rules that a connector keeps are in `plugins/SPEC.md`. Its tests replay recorded exchanges natively, with
//! the host's own rules: see `exhibit-testkit`.

pub mod connector;
mod context;
mod describe;
mod failure;
pub mod host;
mod json;
pub mod kinds;
pub mod log;
mod page;
mod paging;
mod population;
mod request;
pub mod subject;
mod time;
pub mod wanted;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod wasm;
mod xml;

pub use connector::{Connector, Problem};
pub use context::Context;
pub use describe::{Description, Setting};
pub use failure::{Failure, Result, all};
pub use host::Level;
pub use page::{Item, Origin, Page};
pub use paging::{Paging, Read, Write};
pub use population::{EvidenceKind, Population, Record};
pub use request::{Answers, Auth, Pages, Request, encode};
pub use time::{Date, ParseTimeError, Span, Timestamp, instant};
pub use wanted::{Feed, Passing, Wanted, tolerate};
pub use xml::{Element, XmlError};

/// What a connector's source file wants at its top.
pub mod prelude {
    pub use crate::kinds::*;
    pub use crate::{
        Auth, Connector, Context, Date, Description, Element, EvidenceKind, Failure, Feed, Item, Origin,
        Page, Paging, Passing, Population, Problem, Read, Record, Request, Result, Setting, Span, Timestamp,
        Wanted, Write, all, debug, encode, error, info, instant, subject, tolerate, warn,
    };
    pub use serde::{Deserialize, Serialize};
}
