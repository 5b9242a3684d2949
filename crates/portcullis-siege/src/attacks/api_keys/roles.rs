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
    let mut count = 0;
    for (name, value) in ROLES {
        let request = context.get(admin).header(name, value);
        let answer = context.expect(&request).await?;
        let what = format!(
            "{admin} is served with {name}: {value}, and {} without",
            plain.status
        );
        answer.holds(!answer.is_good(), what)?;
        count += usize::from(answer.status != 429);
    }
    if count < ROLES.len() / 2 {
        return Err(Failure::unclear("429: a limit is in the way"));
    }
    Ok(format!("{count} roles in headers, none believed"))
}

const ROLES: [(&str, &str); 18] = [
    ("x-role", "admin"),
    ("x-roles", "admin"),
    ("x-user-role", "admin"),
    ("x-user-roles", "admin"),
    ("x-auth-role", "admin"),
    ("x-forwarded-role", "admin"),
    ("x-forwarded-groups", "admin"),
    ("x-groups", "admin"),
    ("x-scope", "admin"),
    ("x-scopes", "admin"),
    ("x-permissions", "admin"),
    ("x-admin", "true"),
    ("x-is-admin", "true"),
    ("x-admin", "1"),
    ("x-user", "admin"),
    ("x-forwarded-user", "admin"),
    ("x-remote-user", "admin"),
    ("x-user-id", "1"),
];
