//! Scripts of web pages (Fetch standard, "CORS protocol"): any may read the public documents, and nothing else of the edge's own.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW,
};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};

use crate::errors::Problem;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
/// Lets scripts read an answer, and of its headers those that they could use.
const READABLE: [(HeaderName, HeaderValue); 2] = [
    (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("etag, retry-after, x-request-id")),
];

/// Answers where a public document is: OPTIONS, preflight or not, here; GET and HEAD as `read` does.
pub async fn document(
    method: &Method,
    read: impl Future<Output = Result<Response<Vec<u8>>, Problem>>,
) -> Result<Response<Vec<u8>>, Problem> {
    let answer = match *method {
        Method::OPTIONS => Ok(options()),
        Method::GET | Method::HEAD => read.await,
        _ => Err(Problem::method_not_allowed("GET, HEAD, OPTIONS")),
    };
    match answer {
        Ok(mut answer) => {
            answer.headers_mut().extend(READABLE);
            Ok(answer)
        }
        Err(problem) => Err(READABLE.into_iter().fold(problem, |it, (name, value)| it.header(name, value))),
    }
}

fn options() -> Response<Vec<u8>> {
    let mut answer = Response::new(Vec::new());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer.headers_mut().extend([
        (ALLOW, METHODS),
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*")),
        (ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200")),
    ]);
    answer
}
