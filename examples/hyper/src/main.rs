//! A hyper service behind the edge, without a framework.

use std::{convert::Infallible, error::Error};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use portcullis::{ClientIp, Edge, Facts, Quota, body_limit::RequestBody, serve};
use tokio::net::TcpListener;
use tower::{Layer, service_fn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let edge = Edge::new().rate_limit(Quota::per_second(10)).build()?;
    let service = edge.layer(service_fn(hello));

    serve(TcpListener::bind("127.0.0.1:3001").await?, service).await?;
    Ok(())
}

async fn hello(
    request: Request<RequestBody<Incoming>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let client = Facts::of(request.extensions()).get();
    let client = client.map_or_else(String::new, |ClientIp(ip)| ip.to_string());
    Ok(Response::new(format!("hello {client}\n").into()))
}
