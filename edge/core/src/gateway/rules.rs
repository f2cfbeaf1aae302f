//! The rules of an upstream: which methods at which paths ask for which scopes. What no rule names is denied.

use agentidp_shared::scopes::ScopeSet;
use http::Method;
use serde::Deserialize;

use crate::served::Served;

/// What a request must bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// Nothing, not even a token.
    Nothing,
    /// A token for this upstream with these scopes, of one of these organizations if the rule names some.
    Token { scopes: ScopeSet, organizations: Option<Served> },
}

/// A rule as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WrittenRule {
    methods: Vec<String>,
    path: Pattern,
    #[serde(default)]
    scopes: Option<ScopeSet>,
    #[serde(default)]
    public: bool,
    organizations: Option<Served>,
}

/// Of one position of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// Exactly this segment.
    Literal(String),
    /// `{name}`: one segment that is not empty.
    One,
    /// `{*name}`, at the end: all that follows, if anything does.
    Rest,
}

/// Paths, written as `/orders/{orderId}` or `/files/{*path}`, in decoded form and as clients write them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(Vec<Piece>);

impl TryFrom<String> for Pattern {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let segments: Vec<&str> = text.strip_prefix('/').ok_or("must begin with /")?.split('/').collect();
        let last = segments.len() - 1;
        let pieces = segments.iter().enumerate().map(|(position, segment)| piece(segment, position == last));
        pieces.collect::<Result<_, _>>().map(Self)
    }
}

fn piece(segment: &str, is_last: bool) -> Result<Piece, &'static str> {
    if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let (name, piece) = name.strip_prefix('*').map_or((name, Piece::One), |name| (name, Piece::Rest));
        if piece == Piece::Rest && !is_last {
            return Err("{*name} stands only at the end");
        }
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err("a name in braces has letters, digits and underscores");
        }
        return Ok(piece);
    }
    if segment.is_empty() && !is_last {
        return Err("must have no empty segment");
    }
    if segment.contains(['{', '}', '%', '*', '?', '#', '\\', ';']) || segment.chars().any(char::is_control) {
        return Err("a segment is either a name in braces or text without {}%*?#\\;");
    }
    if matches!(segment, "." | "..") {
        return Err("must have no dot segment");
    }
    Ok(Piece::Literal(segment.to_owned()))
}

impl Pattern {
    fn matches(&self, segments: &[String]) -> bool {
        let mut segments = segments.iter();
        for piece in &self.0 {
            let fits = match piece {
                Piece::Rest => return true,
                Piece::Literal(text) => segments.next() == Some(text),
                Piece::One => segments.next().is_some_and(|segment| !segment.is_empty()),
            };
            if !fits {
                return false;
            }
        }
        segments.next().is_none()
    }

    /// Whether only paths at or below `prefix` match.
    fn is_below(&self, prefix: &str) -> bool {
        let mut pieces = self.0.iter();
        prefix.split('/').skip(1).all(|segment| pieces.next() == Some(&Piece::Literal(segment.to_owned())))
    }

    /// Smaller is more specific: a literal before a name, a name before all the rest, position by position.
    fn rank(&self) -> Vec<u8> {
        let rank = |piece: &Piece| match piece {
            Piece::Literal(_) => 0,
            Piece::One => 1,
            Piece::Rest => 2,
        };
        self.0.iter().map(rank).collect()
    }
}

/// All rules of an upstream, the most specific paths first.
#[derive(Debug, Clone)]
pub struct Rules(Vec<(Pattern, Vec<(Method, Demand)>)>);

impl Rules {
    /// `prefix` is where the upstream begins, if it is reached by path. Names every problem.
    pub fn new(written: Vec<WrittenRule>, prefix: Option<&str>) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut routes: Vec<(Pattern, Vec<(Method, Demand)>)> = Vec::new();
        for (position, rule) in written.into_iter().enumerate() {
            let mut problem = |what: &str| problems.push(format!("rules[{position}]{what}"));
            if prefix.is_some_and(|prefix| !rule.path.is_below(prefix)) {
                problem(".path: must begin with the upstream's pathPrefix");
            }
            if rule.public && rule.organizations.is_some() {
                problem(": is public, and so has no organizations");
            }
            let demand = match (rule.public, rule.scopes) {
                (true, None) => Demand::Nothing,
                (true, Some(_)) => {
                    problem(": is either public or has scopes");
                    continue;
                }
                (false, Some(scopes)) => Demand::Token { scopes, organizations: rule.organizations },
                (false, None) => {
                    problem(": must have scopes, or be public");
                    continue;
                }
            };
            if rule.methods.is_empty() {
                problem(".methods: must not be empty");
            }
            let index = routes.iter().position(|(path, _)| *path == rule.path);
            let index = index.unwrap_or_else(|| {
                routes.push((rule.path, Vec::new()));
                routes.len() - 1
            });
            let Some((_, demands)) = routes.get_mut(index) else { continue };
            for name in rule.methods {
                match method(&name) {
                    None => problem(&format!(".methods: {name:?} is not a method that can be passed on")),
                    Some(method) if demands.iter().any(|(taken, _)| *taken == method) => {
                        problem(&format!(".methods: an earlier rule has {method} at the same paths"));
                    }
                    Some(method) => demands.push((method, demand.clone())),
                }
            }
        }
        if routes.is_empty() && problems.is_empty() {
            problems.push("rules: must not be empty".to_owned());
        }
        routes.sort_by_key(|(path, _)| path.rank());
        if problems.is_empty() { Ok(Self(routes)) } else { Err(problems) }
    }

    /// The path decides first, and then the method: a rule for a wider path never opens a method that the narrower one leaves
    /// out. HEAD is GET without a body.
    pub fn find(&self, method: &Method, segments: &[String]) -> Option<&Demand> {
        let (_, demands) = self.0.iter().find(|(path, _)| path.matches(segments))?;
        let of =
            |method: &Method| demands.iter().find(|(named, _)| named == method).map(|(_, demand)| demand);
        of(method).or_else(|| of(&Method::GET).filter(|_| *method == Method::HEAD))
    }

    /// Every scope that some rule asks for.
    pub fn scopes(&self) -> ScopeSet {
        let demands = self.0.iter().flat_map(|(_, demands)| demands);
        let scopes = demands.filter_map(|(_, demand)| match demand {
            Demand::Nothing => None,
            Demand::Token { scopes, .. } => Some(scopes),
        });
        scopes.flat_map(ScopeSet::iter).cloned().collect()
    }
}

fn method(name: &str) -> Option<Method> {
    let passes = !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    let method = Method::from_bytes(name.as_bytes()).ok().filter(|_| passes)?;
    (!matches!(method, Method::CONNECT | Method::TRACE)).then_some(method)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gateway::path::segments;

    fn rules(written: &serde_json::Value) -> Result<Rules, Vec<String>> {
        Rules::new(serde_json::from_value(written.clone()).map_err(|error| vec![error.to_string()])?, None)
    }

    fn demanded(rules: &Rules, method: &str, path: &str) -> Option<String> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        rules.find(&method, &segments(path).unwrap()).map(|demand| match demand {
            Demand::Nothing => "nothing".to_owned(),
            Demand::Token { scopes, .. } => scopes.to_string(),
        })
    }

    #[test]
    fn the_most_specific_path_decides_in_whatever_order_rules_are_written() {
        let mut written = vec![
            json!({"methods": ["GET"], "path": "/{*rest}", "scopes": ["rest"]}),
            json!({"methods": ["GET"], "path": "/users/{id}", "scopes": ["one"]}),
            json!({"methods": ["GET"], "path": "/users/admin", "scopes": ["admin"]}),
            json!({"methods": ["GET"], "path": "/{kind}/admin", "scopes": ["kind"]}),
            json!({"methods": ["GET"], "path": "/users", "public": true}),
        ];
        for _ in 0..written.len() {
            written.rotate_left(1);
            let rules = rules(&json!(written)).unwrap();
            for (path, expected) in [
                ("/users/admin", "admin"),
                ("/users/%61dmin", "admin"),
                ("/users/1", "one"),
                ("/others/admin", "kind"),
                ("/users", "nothing"),
                ("/users/", "rest"),
                ("/users/1/2", "rest"),
                ("/", "rest"),
            ] {
                assert_eq!(demanded(&rules, "GET", path).as_deref(), Some(expected), "{path}");
            }
        }
    }

    #[test]
    fn scope_downgrade_attack_a_wider_rule_opens_no_method_a_narrower_one_leaves_out() {
        let rules = rules(&json!([
            {"methods": ["GET", "POST", "DELETE"], "path": "/users/{id}", "scopes": ["users"]},
            {"methods": ["GET"], "path": "/users/admin", "scopes": ["admin"]},
        ]))
        .unwrap();
        assert_eq!(demanded(&rules, "DELETE", "/users/1").as_deref(), Some("users"));
        for method in ["DELETE", "POST", "PATCH", "get", "OPTIONS"] {
            assert_eq!(demanded(&rules, method, "/users/admin"), None, "{method}");
        }
        assert_eq!(demanded(&rules, "HEAD", "/users/admin").as_deref(), Some("admin"));
        assert_eq!(demanded(&rules, "HEAD", "/users/1").as_deref(), Some("users"));
    }

    #[test]
    fn what_no_rule_names_is_denied() {
        let rules = rules(&json!([{"methods": ["GET"], "path": "/a/{b}", "scopes": []}])).unwrap();
        for path in ["/", "/a", "/a/", "/a/b/", "/a/b/c", "/A/b", "/aa/b"] {
            assert_eq!(demanded(&rules, "GET", path), None, "{path}");
        }
        assert_eq!(demanded(&rules, "GET", "/a/b").as_deref(), Some(""));
    }

    #[test]
    fn rules_that_say_too_little_or_too_much_are_named() {
        for (written, problem) in [
            (json!([]), "rules: must not be empty"),
            (json!([{"methods": ["GET"], "path": "/a"}]), "rules[0]: must have scopes, or be public"),
            (
                json!([{"methods": ["GET"], "path": "/a", "scopes": ["x"], "public": true}]),
                "rules[0]: is either",
            ),
            (
                json!([{"methods": ["GET"], "path": "/a", "public": true, "organizations": ["0198c5a4-0000-7000-8000-0000000000f0"]}]),
                "rules[0]: is public, and so has no organizations",
            ),
            (
                json!([{"methods": ["GET"], "path": "/a", "scopes": [], "organizations": []}]),
                "must name an organization",
            ),
            (
                json!([{"methods": ["GET"], "path": "/a", "scopes": [], "organizations": ["acme"]}]),
                "not a UUID",
            ),
            (json!([{"methods": [], "path": "/a", "scopes": []}]), "rules[0].methods: must not be empty"),
            (json!([{"methods": ["get"], "path": "/a", "scopes": []}]), "\"get\" is not a method"),
            (json!([{"methods": ["TRACE"], "path": "/a", "scopes": []}]), "\"TRACE\" is not a method"),
            (
                json!([{"methods": ["GET"], "path": "/a/{b}", "scopes": ["x"]}, {"methods": ["GET"], "path": "/a/{c}", "scopes": []}]),
                "rules[1].methods: an earlier rule has GET at the same paths",
            ),
            (json!([{"methods": ["GET"], "path": "a", "scopes": []}]), "must begin with /"),
            (json!([{"methods": ["GET"], "path": "/a//b", "scopes": []}]), "empty segment"),
            (json!([{"methods": ["GET"], "path": "/a/../b", "scopes": []}]), "dot segment"),
            (json!([{"methods": ["GET"], "path": "/{*a}/b", "scopes": []}]), "only at the end"),
            (json!([{"methods": ["GET"], "path": "/{}", "scopes": []}]), "a name in braces"),
            (json!([{"methods": ["GET"], "path": "/a{b}", "scopes": []}]), "either a name in braces or text"),
            (json!([{"methods": ["GET"], "path": "/%61", "scopes": []}]), "either a name in braces or text"),
            (json!([{"methods": ["GET"], "path": "/a", "scope": []}]), "unknown field `scope`"),
        ] {
            let problems = rules(&written).unwrap_err().join("; ");
            assert!(problems.contains(problem), "{written}: {problems}");
        }
    }
}
