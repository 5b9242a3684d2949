//! Roles that a client gives itself in a header (API5).

use crate::{
    context::{Context, route},
    verdict::{Failure, Finding},
};

pub(crate) async fn named_roles(context: &Context) -> Finding {
    let admin = route(&context.profile.routes.admin)?;
    let plain = context.send(&context.get(admin)).await?;
    if plain.status == 429 {
        return Err(Failure::unclear(
            "429 for the right key: a limit is in the way",
        ));
    }
    if plain.is_good() {
        return Err(Failure::not_tested(format!(
            "{admin} is served without them (E34)"
        )));
    }
    let pairs = NAMES
        .iter()
        .flat_map(|name| VALUES.map(|value| (*name, value)));
    let mut count = 0;
    for (name, value) in pairs {
        let request = context.get(admin).header(name, value);
        let answer = context.expect(&request).await?;
        let what = format!(
            "{admin} is served with {name}: {value}, and {} without",
            plain.status
        );
        answer.holds(!answer.is_good(), what)?;
        count += usize::from(answer.status != 429);
    }
    if count < NAMES.len() * VALUES.len() / 2 {
        return Err(Failure::limited());
    }
    Ok(format!("{count} roles in headers, none believed"))
}

/// By which a server may be told what a client may do.
const NAMES: [&str; 17] = [
    "x-role",
    "x-roles",
    "x-user-role",
    "x-user-roles",
    "x-auth-role",
    "x-forwarded-role",
    "x-forwarded-groups",
    "x-groups",
    "x-scope",
    "x-scopes",
    "x-permissions",
    "x-admin",
    "x-is-admin",
    "x-user",
    "x-forwarded-user",
    "x-remote-user",
    "x-user-id",
];
const VALUES: [&str; 3] = ["admin", "true", "1"];
