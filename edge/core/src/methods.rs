//! The methods a path answers.

use http::Method;

use crate::errors::Problem;

/// GET and HEAD.
pub fn only_read(method: &Method) -> Result<(), Problem> {
    match *method {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(Problem::method_not_allowed("GET, HEAD")),
    }
}

pub fn only_post(method: &Method) -> Result<(), Problem> {
    match *method {
        Method::POST => Ok(()),
        _ => Err(Problem::method_not_allowed("POST")),
    }
}
