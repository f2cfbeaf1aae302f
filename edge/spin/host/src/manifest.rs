//! What `spin.toml` allows the component.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Manifest {
    spin_manifest_version: u32,
    #[serde(default)]
    variables: BTreeMap<String, Variable>,
    component: BTreeMap<String, Component>,
}

#[derive(Debug, Deserialize)]
struct Variable {
    default: Option<String>,
    #[serde(default)]
    required: bool,
}

#[derive(Debug, Deserialize)]
struct Component {
    source: String,
    #[serde(default)]
    key_value_stores: Vec<String>,
    #[serde(default)]
    allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

/// The application's one component. No `Debug`: variables may be secrets.
pub struct App {
    pub source: PathBuf,
    pub stores: Vec<String>,
    pub variables: HashMap<String, String>,
    allowed_hosts: Vec<String>,
}

impl App {
    /// `given` are the variables' values, as `SPIN_VARIABLE_…` would give them.
    pub fn read(path: &Path, given: &HashMap<String, String>) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&text, folder, given).with_context(|| path.display().to_string())
    }

    fn parse(text: &str, folder: &Path, given: &HashMap<String, String>) -> Result<Self> {
        let manifest: Manifest = toml::from_str(text)?;
        ensure!(manifest.spin_manifest_version == 2, "spin_manifest_version must be 2");
        if let Some(unknown) = given.keys().find(|name| !manifest.variables.contains_key(*name)) {
            bail!("there is no variable {unknown}");
        }
        let mut values = HashMap::new();
        for (name, variable) in manifest.variables {
            match given.get(&name).cloned().or(variable.default) {
                Some(value) => drop(values.insert(name, value)),
                None if variable.required => bail!("the required variable {name} is not set"),
                None => {}
            }
        }
        let mut components = manifest.component.into_values();
        let component = components.next().context("there is no component")?;
        ensure!(components.next().is_none(), "there is more than one component");
        let variables = component.variables.into_iter();
        let variables = variables.map(|(name, text)| Ok((name, fill(&text, &values)?)));
        let hosts = component.allowed_outbound_hosts.iter().map(|text| fill(text, &values));
        Ok(Self {
            source: folder.join(component.source),
            stores: component.key_value_stores,
            variables: variables.collect::<Result<_>>()?,
            allowed_hosts: hosts.collect::<Result<_>>()?,
        })
    }

    /// Whether the component may send requests there.
    pub fn allows(&self, scheme: &str, host: &str, port: u16) -> bool {
        self.allowed_hosts.iter().any(|allowed| {
            let Some((allowed_scheme, rest)) = allowed.split_once("://") else { return false };
            let rest = rest.split('/').next().unwrap_or_default();
            let (allowed_host, allowed_port) = match rest.rsplit_once(':') {
                Some((host, port)) if !port.ends_with(']') => (host, port.to_owned()),
                _ => (rest, default_port(scheme).to_string()),
            };
            let is_below = |domain: &str| host.strip_suffix(domain).is_some_and(|start| start.ends_with('.'));
            (allowed_scheme == "*" || allowed_scheme == scheme)
                && (allowed_port == "*" || allowed_port == port.to_string())
                && (allowed_host == "*"
                    || allowed_host == host
                    || allowed_host.strip_prefix("*.").is_some_and(is_below))
        })
    }
}

pub fn default_port(scheme: &str) -> u16 {
    if scheme == "http" { 80 } else { 443 }
}

/// Puts values in the place of `{{ name }}`.
fn fill(text: &str, values: &HashMap<String, String>) -> Result<String> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").context("a {{ without its }}")?;
        let name = name.trim();
        filled.push_str(before);
        filled.push_str(values.get(name).with_context(|| format!("the variable {name} is not set"))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        spin_manifest_version = 2
        [application]
        name = "app"
        [variables]
        origin = { required = true }
        mode = { default = "plain" }
        [component.app]
        source = "app.wasm"
        key_value_stores = ["default"]
        allowed_outbound_hosts = ["{{ origin }}", "https://*.example.org", "http://127.0.0.1:*"]
        [component.app.variables]
        where = "at {{origin}}, {{ mode }}"
    "#;

    fn app(text: &str, given: &[(&str, &str)]) -> Result<App> {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        App::parse(text, Path::new("/app"), &given)
    }

    #[test]
    fn variables_are_put_where_the_manifest_wants_them() {
        let app = app(TEXT, &[("origin", "https://id.example:8443")]).unwrap();
        assert_eq!(app.variables["where"], "at https://id.example:8443, plain");
        assert_eq!((app.source, app.stores), ("/app/app.wasm".into(), vec!["default".to_owned()]));
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        for (given, named) in [(vec![], "origin"), (vec![("origin", "x"), ("other", "y")], "other")] {
            let error = app(TEXT, &given).err().unwrap();
            assert!(error.to_string().contains(named), "{error}");
        }
        assert!(app(&TEXT.replace("= 2", "= 1"), &[("origin", "x")]).is_err());
        assert!(app(&TEXT.replace("{{ mode }}", "{{ mode"), &[("origin", "x")]).is_err());
    }

    #[test]
    fn only_the_allowed_hosts_are_allowed() {
        let app = app(TEXT, &[("origin", "https://id.example:8443")]).unwrap();
        for (scheme, host, port, allowed) in [
            ("https", "id.example", 8443, true),
            ("https", "id.example", 443, false),
            ("http", "id.example", 8443, false),
            ("https", "a.example.org", 443, true),
            ("https", "example.org", 443, false),
            ("https", "badexample.org", 443, false),
            ("http", "127.0.0.1", 1234, true),
            ("https", "127.0.0.1", 1234, false),
        ] {
            assert_eq!(app.allows(scheme, host, port), allowed, "{scheme}://{host}:{port}");
        }
    }
}
