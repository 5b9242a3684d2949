//! Who may enter with a token: the guard of `portcullis` decides, and a fault lets in one kind more.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{
        DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD,
    },
};
use bytes::Bytes;
use http_body_util::Full;
use portcullis::{
    ConfigError,
    jwt::{Jwt, JwtKey, JwtLayer},
};
use tokio::{net::TcpStream, time::timeout};
use tower::{Layer, ServiceExt, service_fn};

use crate::{app::App, faults::Fault, loose::Loose, message::Head, message::Response};

/// Returns the guard that takes the tokens of one issuer.
pub(crate) fn guard() -> Result<Jwt, ConfigError> {
    Jwt::new(ISSUER, [AUDIENCE], JwtKey::from_jwk(KEY)?)
}

impl App {
    /// Whether the token opens.
    pub(crate) async fn token(&self, head: &Head) -> Result<(), Response> {
        let fields = self.authorizations(head);
        if let [field] = &fields[..] {
            let (scheme, token) = field.split_once(' ').unwrap_or_default();
            let is_bearer = scheme.eq_ignore_ascii_case("bearer");
            let token = if is_bearer { token } else { "" };
            self.before(token).await?;
            if self.is_let_in(token) {
                return Ok(());
            }
        }
        let mut request = http::Request::get("/api/token");
        for field in &fields {
            request = request.header("authorization", field);
        }
        let Ok(request) = request.body(()) else {
            return Err(Response::problem(400, "Bad Request"));
        };
        let served = service_fn(|_: http::Request<()>| async {
            Ok::<_, Infallible>(http::Response::new(Full::<Bytes>::default()))
        });
        let Ok(answer) = JwtLayer::new(self.jwt.clone())
            .layer(served)
            .oneshot(request)
            .await;
        if answer.status() == 200 {
            return Ok(());
        }
        let challenge = answer.headers().get("www-authenticate");
        let challenge = challenge
            .and_then(|value| value.to_str().ok())
            .unwrap_or("");
        Err(self.refused(answer.status().as_u16(), challenge, &fields))
    }

    /// The fields that the guard sees.
    fn authorizations(&self, head: &Head) -> Vec<String> {
        let mut fields = head.all("authorization");
        match self.fault {
            Fault::TokenFirstOfTwo => fields.truncate(1),
            Fault::TokenInQuery => {
                let token = head.parameter("access_token");
                fields.extend(token.map(|token| format!("Bearer {token}")));
            }
            Fault::TokenSchemeCased => {
                let is_cased = |field: &&mut String| !field.starts_with("Bearer");
                fields.iter_mut().filter(is_cased).for_each(String::clear);
            }
            _ => {}
        }
        for field in &mut fields {
            *field = self.rewritten(field);
        }
        fields
    }

    /// What a reader makes of a token that takes more than one form.
    fn rewritten(&self, field: &str) -> String {
        let Some((scheme, token)) = field.split_once(' ') else {
            return field.to_owned();
        };
        let parts = token.split('.');
        let token = match self.fault {
            Fault::TokenPadding => token.replace('=', ""),
            Fault::TokenParts => parts.take(3).collect::<Vec<_>>().join("."),
            Fault::TokenBase64 => {
                let again = parts.map(|part| match LENIENT.decode(part) {
                    Ok(bytes) => URL_SAFE_NO_PAD.encode(bytes),
                    Err(_) => part.to_owned(),
                });
                again.collect::<Vec<_>>().join(".")
            }
            _ => return field.to_owned(),
        };
        format!("{scheme} {token}")
    }

    /// What is done with a token before it is looked at.
    async fn before(&self, token: &str) -> Result<(), Response> {
        let header = Loose::header(token);
        let text = |name: &str| header[name].as_str().unwrap_or("").to_owned();
        match self.fault {
            Fault::TokenSlow if token.len() > 100_000 => {
                tokio::time::sleep(Duration::from_millis(1500)).await;
            }
            Fault::TokenKidFails if text("kid").contains('\'') => {
                return Err(Response::problem(500, "Internal Server Error"));
            }
            Fault::TokenJkuFetched => {
                let url = text("jku");
                let authority = url
                    .strip_prefix("http://")
                    .and_then(|rest| rest.split('/').next());
                if let Some(Ok(address)) = authority.map(str::parse::<SocketAddr>) {
                    let connected = TcpStream::connect(address);
                    drop(timeout(Duration::from_millis(200), connected).await);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the fault lets a token in that the guard refuses.
    fn is_let_in(&self, token: &str) -> bool {
        let is_loose = matches!(
            self.fault,
            Fault::TokenAlgNone
                | Fault::TokenAlgNoneCased
                | Fault::TokenPublicKey
                | Fault::TokenAlgUnread
                | Fault::TokenJwkTrusted
                | Fault::TokenExpMissing
                | Fault::TokenNbfUnread
                | Fault::TokenIatUnread
                | Fault::TokenExpText
                | Fault::TokenNbfNull
                | Fault::TokenAudUnread
                | Fault::TokenAudWithin
                | Fault::TokenIssUnread
                | Fault::TokenTypUnread
                | Fault::TokenKidPath
                | Fault::TokenKidUnread
                | Fault::TokenCritUnread
                | Fault::TokenFirstWins
                | Fault::TokenLastWins
                | Fault::TokenUnsigned
                | Fault::TokenZeros
        );
        is_loose && Loose::new(self.fault, token).is_some_and(|token| token.is_good())
    }

    fn refused(&self, status: u16, challenge: &str, fields: &[String]) -> Response {
        let refusal = Response::problem(status, "Unauthorized");
        let field = fields.first().map_or("", String::as_str);
        let challenge = match self.fault {
            Fault::TokenErrorAlways => "Bearer realm=\"api\", error=\"invalid_token\"".to_owned(),
            Fault::TokenRepeated if !field.is_empty() => {
                format!(
                    "{challenge}, error_description=\"{}\"",
                    field.replace('"', "")
                )
            }
            _ => challenge.to_owned(),
        };
        match self.fault {
            Fault::TokenUnchallenged => refusal,
            _ if challenge.is_empty() => refusal,
            _ => refusal.with("www-authenticate", &challenge),
        }
    }
}

/// Takes bits that are left over.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "gallery";
pub(crate) const KID: &str = "gallery";
/// The public half of the key in `siege.toml`.
const KEY: &str = r#"{"kty":"EC","crv":"P-256","alg":"ES256","kid":"gallery",
    "x":"9KzSE6vEq9LuHgH4qnNeHvpmDkMYJ2JdWLgv1GVnVzc","y":"-sk8jH11c1JQD9of7AEYuXQRbxXAIMqXqnRZFU1oyP0"}"#;
