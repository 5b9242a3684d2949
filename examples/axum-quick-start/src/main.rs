//! An existing axum app, and the lines that add the edge.
//!
//! `cargo run -p portcullis-cli -- key new` makes a key, and the `API_KEYS` that this server needs.

use std::error::Error;

use axum::{Router, routing::get};
use portcullis::{Principal, Quota, api_key::Keys, serve};
use portcullis_axum::Fact;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = Router::new().route("/", get(whoami));

    // The edge, from here ..
    let edge = portcullis_axum::edge()
        .api_keys(Keys::from_env("API_KEYS")?)
        .rate_limit(Quota::per_second(10).burst(20))
        .build()?;
    let app = app.layer(edge);
    // .. to here.

    serve(TcpListener::bind("127.0.0.1:3000").await?, app).await?;
    Ok(())
}

async fn whoami(Fact(who): Fact<Principal>) -> String {
    format!("hello {}\n", who.id())
}
