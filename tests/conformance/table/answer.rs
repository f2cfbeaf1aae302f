//! An answer as it came, and what of it two hosts must have in common.

use std::collections::BTreeMap;

/// Differs between any two answers: when, which request, how old the knowledge is, how many there were before.
const OF_THE_MOMENT: [&str; 7] = [
    "date",
    "x-request-id",
    "x-state-age",
    "x-state-seq",
    "ratelimit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];
/// How the host's HTTP server frames an answer on its connection.
const FRAMING: [&str; 4] = ["content-length", "transfer-encoding", "connection", "keep-alive"];

/// What has no body, whatever its headers say (RFC 9112 §6.3).
const WITHOUT_BODY: [u16; 2] = [204, 304];

/// An answer. Headers of one name are one, joined as RFC 9110 §5.3 says; names are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Answer {
    /// Reads what a server sent. `None` if that is not a whole answer to `method`.
    pub fn read(bytes: &[u8], method: &str) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let (head, rest) = (std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 4..]);
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let mut headers = BTreeMap::<String, String>::new();
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let (name, value) = (name.to_ascii_lowercase(), value.trim());
            match headers.get_mut(&name) {
                Some(held) => *held = format!("{held}, {value}"),
                None => drop(headers.insert(name, value.to_owned())),
            }
        }
        let body = if method == "HEAD" || WITHOUT_BODY.contains(&status) {
            rest.to_owned()
        } else if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            unchunk(rest)?
        } else {
            let length = headers.get("content-length").and_then(|length| length.parse().ok());
            rest.get(..length.unwrap_or(0))?.to_owned()
        };
        Some(Self { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Without what may differ.
    pub fn comparable(mut self) -> Self {
        self.headers.retain(|name, _| !OF_THE_MOMENT.contains(&&**name) && !FRAMING.contains(&&**name));
        self
    }
}

/// RFC 9112 §7.1. `None` if the last chunk did not come.
fn unchunk(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).ok()?, 16).ok()?;
        let chunk = bytes.get(end + 2..end + 2 + size)?;
        bytes = bytes[end + 2 + size..].strip_prefix(b"\r\n")?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunk);
    }
}

#[test]
fn answers_are_read_whole_or_not_at_all() {
    let read = |text: &str| Answer::read(text.as_bytes(), "GET");
    let head = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nwww-authenticate: Bearer\r\n";
    let plain = format!("{head}Content-Length: 2\r\nDate: today\r\n\r\n");
    assert_eq!(read(&format!("{plain}n")), None);
    let answer = read(&format!("{plain}no")).unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (401, "no"));
    assert_eq!(answer.header("www-authenticate"), Some("Basic, Bearer"));
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n1\r\nn\r\n1\r\no\r\n");
    assert_eq!(read(&chunked), None);
    let chunked = read(&format!("{chunked}0\r\n\r\n")).unwrap();
    assert_eq!(chunked.comparable(), answer.comparable());
}
