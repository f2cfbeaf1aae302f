//! Which region's hub a request's node belongs to.

use js_sys::Reflect;

/// A continent's name, and where its hub should live (Durable Objects' location hints).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    pub name: &'static str,
    pub location_hint: &'static str,
}

const REGIONS: [(&str, Region); 7] = [
    ("EU", Region { name: "europe", location_hint: "weur" }),
    ("NA", Region { name: "north-america", location_hint: "enam" }),
    ("SA", Region { name: "south-america", location_hint: "sam" }),
    ("AS", Region { name: "asia", location_hint: "apac" }),
    ("OC", Region { name: "oceania", location_hint: "oc" }),
    ("AF", Region { name: "africa", location_hint: "afr" }),
    ("AN", Region { name: "oceania", location_hint: "oc" }),
];
/// Of requests of which the platform does not say.
const ANYWHERE: Region = Region { name: "europe", location_hint: "weur" };

thread_local! {
    static OWN: std::cell::OnceCell<Region> = const { std::cell::OnceCell::new() };
}

/// The region of this isolate: where its first request came from, which is almost always near.
pub fn of(request: &web_sys::Request) -> Region {
    OWN.with(|own| *own.get_or_init(|| ask(request)))
}

/// The same, once it is known.
pub fn known() -> Option<Region> {
    OWN.with(|own| own.get().copied())
}

fn ask(request: &web_sys::Request) -> Region {
    let cf = Reflect::get(request, &"cf".into());
    let continent = cf.and_then(|cf| Reflect::get(&cf, &"continent".into())).ok();
    let continent = continent.and_then(|continent| continent.as_string());
    let found = REGIONS.iter().find(|(code, _)| continent.as_deref() == Some(code));
    found.map_or(ANYWHERE, |(_, region)| *region)
}
