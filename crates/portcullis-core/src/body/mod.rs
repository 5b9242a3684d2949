//! A response body that layers can answer with, whatever the inner service's body is.
//!
//! A layer that refuses must make a body. axum's `Body` and `Full<Bytes>` can be made from bytes;
//! hyper's `Incoming` and many bodies of one's own cannot. [`BodyLayer`], put next to the service,
//! wraps such a body in [`ResponseBody`], which can. The edge does so by itself.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Empty;
//! use portcullis_core::{BodyLayer, ResponseBody};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), std::convert::Infallible> {
//! let service = service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Empty::<Bytes>::new()))
//! });
//! let response: Response<ResponseBody<Empty<Bytes>>> =
//!     BodyLayer::new().layer(service).oneshot(Request::default()).await?;
//! # assert_eq!(response.status(), 200);
//! # Ok(())
//! # }
//! ```

mod layer;
mod response;

pub use self::{
    layer::{BodyLayer, ResponseFuture, WrapBody},
    response::ResponseBody,
};
