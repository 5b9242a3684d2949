//! The parameters that the server's own routes take, with values that are none.

use crate::context::Context;

/// Paths with a bad value in one parameter each: of routes that the profile has with a query, and of what
/// `/openapi.json` declares.
pub(super) fn odd(context: &Context) -> Vec<String> {
    let routes = &context.profile.routes;
    let named = [&routes.protected, &routes.limited, &routes.control];
    let mut all: Vec<_> = named
        .into_iter()
        .flatten()
        .flat_map(|path| of_query(path))
        .collect();
    let declared = context.found.queries.iter();
    all.extend(declared.map(|(path, name)| format!("{path}?{name}=")));
    all.dedup();
    all.truncate(MOST);
    let each = all
        .iter()
        .flat_map(|path| VALUES.map(|value| format!("{path}{value}")));
    each.collect()
}

/// The path with each parameter of its query at the end, without its value.
fn of_query(path: &str) -> Vec<String> {
    let Some((path, query)) = path.split_once('?') else {
        return Vec::new();
    };
    let pairs: Vec<_> = query.split('&').collect();
    let each = pairs.iter().enumerate().map(|(place, pair)| {
        let name = pair.split('=').next().unwrap_or(pair);
        let others = pairs
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != place);
        let others: String = others.map(|(_, pair)| format!("{pair}&")).collect();
        format!("{path}?{others}{name}=")
    });
    each.collect()
}

/// So many parameters are tried.
const MOST: usize = 20;
const VALUES: [&str; 7] = [
    "abc",
    "-1",
    "'",
    "1e999",
    "",
    "99999999999999999999999999",
    "%00",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_is_changed_and_the_others_stay() {
        let each = of_query("/tasks?limit=5&sort=name");

        assert_eq!(each, ["/tasks?sort=name&limit=", "/tasks?limit=5&sort="]);
        assert!(of_query("/tasks").is_empty());
    }
}
