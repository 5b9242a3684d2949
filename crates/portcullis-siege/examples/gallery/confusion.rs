//! A check that reads a request in one way, and a router that reads it in another.

use crate::{
    app::{App, Exchange},
    auth::{self, EXPIRED, OTHER, REVOKED, UNSCOPED, VALID},
    faults::Fault,
    message::{Head, Response},
};

impl App {
    /// Whether the check of keys does not see what it should.
    pub(crate) fn is_overlooked(&self, head: &Head) -> bool {
        let path = head.path.as_str();
        match self.fault {
            Fault::SlashesMerged | Fault::SlashesAnother => path.contains("//"),
            Fault::DotsResolved => path.contains("/.") || path.contains("/%2e"),
            Fault::ParametersCut => path.contains(';'),
            Fault::NulCut => path.contains("%00"),
            Fault::EscapesRead => path.contains('%'),
            Fault::BackslashesTurned => path.contains('\\'),
            Fault::CaseFolded => path != path.to_lowercase(),
            Fault::PublicPrefix | Fault::PrefixAnother => path.starts_with("/health"),
            Fault::PublicParameters => path.starts_with("/health") && path.contains(';'),
            Fault::RewriteChecked | Fault::RewriteAnother => is_public(&head.one("x-rewrite-url")),
            Fault::OriginalUrl => is_public(path) || path.starts_with("/siege"),
            Fault::PrefixJoined => !path.starts_with("/api/"),
            Fault::MethodChecked | Fault::MethodAnother => {
                head.one("x-http-method-override") == "OPTIONS"
            }
            Fault::MethodParameter => head.method == "OPTIONS" && head.query.contains("_method="),
            Fault::LocalTrusted | Fault::LocalAnother => head.one("x-forwarded-for") == "127.0.0.1",
            Fault::ViaTrusted => head.one("via").contains("localhost"),
            Fault::UnderscoreRead => head.one("x_forwarded_for") == "127.0.0.1",
            Fault::UserBelieved | Fault::UserAnother => head.has("x-remote-user"),
            Fault::TokenAnother => head.parameter("access_token").is_some(),
            Fault::CertificateBelieved => head.one("x-ssl-client-verify") == "SUCCESS",
            Fault::UnknownOpen => crate::routes::template(path).is_empty(),
            Fault::UnknownBelowOpen => path.starts_with("/api/hello/"),
            _ => false,
        }
    }

    /// The path that is served, with all that a fault may do to it.
    pub(crate) fn served_path(&self, head: &Head) -> String {
        let routed = self.spelled(&self.routed(head));
        self.plain(&routed).to_owned()
    }

    fn routed(&self, head: &Head) -> String {
        let path = head.path.as_str();
        match self.fault {
            Fault::SlashNeedsNoKey if path.len() > 1 => path.trim_end_matches('/').to_owned(),
            Fault::SlashesMerged | Fault::SlashesAnother => parts(path, |part| !part.is_empty()),
            Fault::DotsResolved
            | Fault::PublicPrefix
            | Fault::PrefixAnother
            | Fault::OwnBySpelling => resolved(&path.replace("%2e", ".")),
            Fault::PublicParameters => resolved(&without_parameters(path)),
            Fault::ParametersCut => without_parameters(path),
            Fault::NulCut => path.split("%00").next().unwrap_or_default().to_owned(),
            Fault::EscapesRead => unescaped(&unescaped(path)),
            Fault::BackslashesTurned => parts(&path.replace('\\', "/"), |part| !part.is_empty()),
            Fault::CaseFolded => path.to_lowercase(),
            Fault::OriginalUrl if head.has("x-original-url") => head.one("x-original-url"),
            Fault::PrefixJoined => head.one("x-forwarded-prefix") + path,
            _ => path.to_owned(),
        }
    }

    /// The method that is served.
    pub(crate) fn served_method<'h>(&self, head: &'h Head) -> &'h str {
        match head.parameter("_method") {
            Some(method) if self.has(Fault::MethodParameter) => method,
            _ => &head.method,
        }
    }

    /// Keys, as they are taken from other places and in other forms.
    pub(crate) fn taken(&self, head: &Head, keys: &mut Vec<String>) {
        let name = match self.fault {
            Fault::KeyInQuery => "api_key",
            Fault::KeyAsApikey => "apikey",
            Fault::KeyAsToken => "access_token",
            _ => "",
        };
        let found = match self.fault {
            Fault::UnderscoreKey => head.all("x_api_key").pop(),
            Fault::SchemeElsewhere => {
                let value = head.one("authorization");
                value.strip_prefix("Token ").map(str::to_owned)
            }
            _ => head.parameter(name).map(str::to_owned),
        };
        if keys.is_empty() {
            keys.extend(found);
        }
        for key in keys {
            match self.fault {
                Fault::KeyDecoded => *key = unescaped(key),
                Fault::KeyUnquoted => *key = key.trim_matches('"').to_owned(),
                Fault::SchemeStripped => *key = key.trim_start_matches("Bearer ").to_owned(),
                _ => {}
            }
        }
    }

    /// A refusal that tells its cause by its head.
    pub(crate) fn told(&self, refusal: Response, key: Option<&str>) -> Response {
        match (self.fault, key) {
            (Fault::WrongKeyField, Some(_)) => refusal.with("x-auth-result", "unknown"),
            (Fault::SecretField, Some(key)) if key.starts_with("gal_valid_") => {
                refusal.with("x-key-id", "valid")
            }
            (Fault::ExpiredField, Some(EXPIRED)) => refusal.with("x-key-expired", "true"),
            (Fault::RevokedField, Some(REVOKED)) => refusal.with("x-key-revoked", "true"),
            (Fault::SecretOrder, Some(key)) if key.starts_with("gal_valid_") => vary_first(refusal),
            (Fault::KnownIdField, Some(key)) if auth::has_known_id(key) => {
                refusal.with("x-key-id", "known")
            }
            (Fault::KnownIdOrder, Some(key)) if auth::has_known_id(key) => vary_first(refusal),
            (Fault::SecretOrder | Fault::KnownIdOrder, _) => refusal.with("vary", "*"),
            _ => refusal,
        }
    }

    /// The refusal of a key that may not.
    pub(crate) fn forbidden(&self, path: &str) -> Response {
        if self.has(Fault::UnscopedByPath) && crate::routes::template(path).is_empty() {
            Response::problem(404, "Not Found")
        } else {
            Response::problem(403, "Forbidden")
        }
    }

    /// What not every key opens.
    pub(crate) fn of_some(&self, path: &str, exchange: &Exchange) -> Response {
        if path == "/api/own" {
            self.own(exchange)
        } else {
            self.admin(&exchange.head)
        }
    }

    /// What a client is greeted with: who came in without a key is a guest.
    pub(crate) fn greeting(&self, head: &Head) -> &'static str {
        if self.is_overlooked(head) && self.lets_guests_in() {
            "{\"hello\":\"guest\"}"
        } else {
            "{\"hello\":\"world\"}"
        }
    }

    fn lets_guests_in(&self) -> bool {
        let faults = [
            Fault::SlashesAnother,
            Fault::PrefixAnother,
            Fault::RewriteAnother,
            Fault::MethodAnother,
            Fault::LocalAnother,
            Fault::UserAnother,
            Fault::TokenAnother,
        ];
        faults.contains(&self.fault)
    }

    /// What belongs to one client.
    fn own(&self, exchange: &Exchange) -> Response {
        let head = &exchange.head;
        let is_owner = head.one("x-api-key") == VALID;
        let is_spelled = self.has(Fault::OwnBySpelling) && head.path != "/api/own";
        let is_write = head.method == "DELETE" && self.has(Fault::OwnDeletable);
        if is_owner || is_spelled || is_write || self.has(Fault::OwnUnchecked) {
            Response::new(
                200,
                "application/json",
                "{\"balance\":\"of the first client\"}",
            )
        } else {
            Response::problem(404, "Not Found")
        }
    }

    /// What none of the keys may do.
    fn admin(&self, head: &Head) -> Response {
        let is_head = self.has(Fault::AdminByHead) && head.method == "HEAD";
        let is_named = head.one("x-user-role") == "admin" && self.has(Fault::RoleBelieved);
        if is_head || is_named || self.has(Fault::AdminUnchecked) {
            Response::new(200, "application/json", "{\"clients\":\"all of them\"}")
        } else {
            Response::problem(403, "Forbidden")
        }
    }

    /// Whether a key is another client's.
    pub(crate) fn is_other(&self, key: &str) -> bool {
        key == OTHER
    }

    pub(crate) fn is_unscoped(&self, key: &str) -> bool {
        key == UNSCOPED
    }
}

/// What needs no key, for those that look at the wrong place.
fn is_public(path: &str) -> bool {
    matches!(path, "/" | "/health")
}

fn parts(path: &str, is_kept: impl Fn(&str) -> bool) -> String {
    let kept = path.split('/').filter(|part| is_kept(part));
    let kept: Vec<_> = kept.collect();
    format!("/{}", kept.join("/"))
}

/// Without dot segments (RFC 3986, 5.2.4).
fn resolved(path: &str) -> String {
    let mut all = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(all.pop()),
            part => all.push(part),
        }
    }
    format!("/{}", all.join("/"))
}

fn without_parameters(path: &str) -> String {
    let each = path.split('/');
    let each: Vec<_> = each
        .map(|part| part.split(';').next().unwrap_or_default())
        .collect();
    each.join("/")
}

/// With its escapes read, where they are those of ASCII.
fn unescaped(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut all = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let code = piece
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code.filter(u8::is_ascii) {
            Some(code) => {
                all.push(char::from(code));
                all.push_str(&piece[2..]);
            }
            None => {
                all.push('%');
                all.push_str(piece);
            }
        }
    }
    all
}

/// Puts a field before all others.
fn vary_first(mut refusal: Response) -> Response {
    refusal
        .fields
        .insert(0, ("vary".to_owned(), "*".to_owned()));
    refusal
}
