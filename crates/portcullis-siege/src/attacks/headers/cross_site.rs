//! What other sites make a browser send.

use crate::{
    context::{Context, route},
    verdict::Finding,
    wire::Request,
};

/// Fields that a browser sends.
type Fields<'a> = Vec<(&'a str, String)>;

pub(crate) async fn cross_site(context: &Context) -> Finding {
    let path = route(&context.profile.routes.body)?;
    let request = |method: &str, fields: &Fields<'_>| {
        let sample = context.sample();
        let request = Request::new(method, path).key(context);
        let request = request.body(sample.text().to_owned());
        let request = request.header("content-type", sample.kind().unwrap_or("text/plain"));
        let fields = fields.iter();
        fields.fold(request, |request, (name, value)| {
            request.header(name, value)
        })
    };
    let authority = context.target.authority();
    for fields in fine(authority) {
        let request = request("POST", &fields);
        let answer = context.expect(&request).await?;
        let what = "what no other site made a browser send is refused";
        answer.holds(answer.is_good(), what)?;
    }
    let forged = forged(authority);
    let methods = ["PUT", "PATCH", "DELETE"].map(|method| (method, &forged[0]));
    let posts = forged.iter().map(|fields| ("POST", fields));
    for (method, fields) in posts.chain(methods) {
        let request = request(method, fields);
        let answer = context.expect(&request).await?;
        // Another method may be nowhere.
        let expected: &[u16] = if method == "POST" {
            &[403]
        } else {
            &[403, 405]
        };
        answer.status(expected, &format!("{method} of another site"))?;
    }
    let link = context
        .get(context.control())
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "navigate");
    let answer = context.expect(&link).await?;
    let is_followed = answer.status == context.found.control_status;
    answer.holds(is_followed, "a link from another site is refused")?;
    Ok(format!(
        "{} forged requests: 403; a link is followed",
        forged.len() + 3
    ))
}

fn fine(authority: &str) -> [Fields<'_>; 4] {
    [
        vec![],
        vec![("sec-fetch-site", "same-origin".to_owned())],
        vec![("sec-fetch-site", "none".to_owned())],
        vec![("origin", format!("http://{authority}"))],
    ]
}

fn forged(authority: &str) -> [Fields<'_>; 7] {
    let cross = ("sec-fetch-site", "cross-site".to_owned());
    let evil = ("origin", "https://evil.com".to_owned());
    let null = ("origin", "null".to_owned());
    let longer = ("origin", format!("http://{authority}.evil.com"));
    [
        vec![cross.clone(), evil.clone()],
        vec![cross.clone()],
        vec![cross.clone(), null.clone()],
        vec![cross, ("origin", format!("http://{authority}"))],
        vec![evil],
        vec![null],
        vec![longer],
    ]
}
