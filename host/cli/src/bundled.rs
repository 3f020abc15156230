//! The connectors that come with Exhibit.

use exhibit_broker::manifest::ComponentManifest;

/// Every component, in the order of the names of their files.
const BUNDLED: &[&[u8]] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// The components with their manifests; one whose manifest does not read is left out.
pub(crate) fn components() -> impl Iterator<Item = (ComponentManifest, &'static [u8])> {
    BUNDLED.iter().filter_map(|bytes| Some((exhibit_sandbox::read_manifest(bytes).ok()?, *bytes)))
}

/// The component of this name.
pub(crate) fn component(name: &str) -> Option<&'static [u8]> {
    components().find(|(manifest, _)| manifest.name.as_str() == name).map(|(_, bytes)| bytes)
}
