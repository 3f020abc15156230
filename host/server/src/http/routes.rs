//! The one list of routes: what answers where, and who may ask. Nothing is served that is not in it, and the test of
//! who gets what goes through it.

use super::app::App;
use super::viewer;
use axum::Router;
use axum::handler::Handler;
use axum::middleware;
use axum::routing::{MethodFilter, MethodRouter};
use http::Method;
use utoipa::openapi::{OpenApi, OpenApiBuilder};
use utoipa_axum::router::UtoipaMethodRouter;

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Anyone.
    Open,
    /// Whoever is signed in.
    SignedIn,
    /// Who reads evidence: operators all of it, auditors that of their engagement.
    Read,
    /// Who brings manual evidence: operators, and ingest.
    Ingest,
    /// Who watches that it works: operators, and monitor.
    Watch,
    /// Operators.
    Operate,
}

/// A route in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its method; `GET` answers `HEAD`, too.
    pub method: Method,
    /// Its path, with `{name}` for what varies.
    pub path: String,
    /// Who may ask.
    pub access: Access,
}

/// Routes in the making.
pub struct Routes {
    router: Router<App>,
    document: OpenApi,
    list: Vec<Route>,
}

impl Default for Routes {
    fn default() -> Self {
        Self { router: Router::new(), document: OpenApiBuilder::new().build(), list: Vec::new() }
    }
}

impl Routes {
    /// Adds a page, or anything else that is not part of the documented API.
    ///
    /// # Panics
    /// As [`Router::route`] does: where the path is malformed, or taken for this method.
    #[must_use]
    pub fn page<H, T>(mut self, method: Method, path: &str, access: Access, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        // The methods that are served are few and known; CONNECT, the one that cannot be filtered, is none of them.
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
        self.add(path, access, MethodRouter::new().on(filter, handler));
        self.list.push(Route { method, path: path.to_owned(), access });
        self
    }

    /// Adds handlers of the documented API, all of one path: `routes!(list, add)`.
    #[must_use]
    pub(crate) fn api(
        mut self,
        access: Access,
        (schemas, mut paths, handlers): UtoipaMethodRouter<App>,
    ) -> Self {
        let components = self.document.components.get_or_insert_default();
        components.schemas.extend(schemas);
        if let Some((path, mut item)) = paths.paths.pop_first() {
            let operations = [
                (Method::GET, &mut item.get),
                (Method::POST, &mut item.post),
                (Method::PUT, &mut item.put),
                (Method::DELETE, &mut item.delete),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation {
                    super::openapi::complete(operation, access, &path);
                    self.list.push(Route { method, path: path.clone(), access });
                }
            }
            self.add(&path, access, handlers);
            let merged = self.document.paths.paths.entry(path).or_default();
            merged.get = merged.get.take().or(item.get);
            merged.post = merged.post.take().or(item.post);
            merged.put = merged.put.take().or(item.put);
            merged.delete = merged.delete.take().or(item.delete);
        }
        self
    }

    fn add(&mut self, path: &str, access: Access, handlers: MethodRouter<App>) {
        let require = middleware::from_fn(move |request, next| viewer::require(access, request, next));
        let router = std::mem::take(&mut self.router);
        self.router = router.route(path, handlers.route_layer(require));
    }

    /// The list.
    pub fn list(&self) -> &[Route] {
        &self.list
    }

    /// The router, and the document of its API.
    pub(crate) fn into_parts(self) -> (Router<App>, OpenApi) {
        (self.router, self.document)
    }
}
