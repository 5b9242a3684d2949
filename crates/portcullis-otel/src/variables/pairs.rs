use percent_encoding::percent_decode_str;

/// Reads `key=value,key=value`, with values percent-encoded, as headers and resource attributes are
/// written.
pub(crate) fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let parts = text.split(',').map(str::trim);
    parts.filter(|part| !part.is_empty()).map(pair).collect()
}

/// Values may be secrets: none is repeated.
fn pair(part: &str) -> Result<(String, String), String> {
    let (key, value) = part
        .split_once('=')
        .ok_or("a part has no `=`: it is written key=value,key=value")?;
    let decode = |text: &str| {
        let decoded = percent_decode_str(text.trim()).decode_utf8();
        let wrong = || "a part is not UTF-8 when percent-decoded".to_owned();
        decoded.map(Into::into).map_err(|_| wrong())
    };
    let (key, value): (String, String) = (decode(key)?, decode(value)?);
    if key.is_empty() {
        return Err("a part has no key before its `=`".to_owned());
    }
    Ok((key, value))
}
