use super::*;

fn variables(set: &[(&str, &str)]) -> Variables {
    Variables::new(set.iter().map(|(name, value)| (name.into(), value.into())))
}

#[test]
fn what_is_empty_is_not_set() {
    let variables = variables(&[("OTEL_A", ""), ("OTEL_B", "  "), ("OTEL_C", " x ")]);

    assert_eq!(
        ["OTEL_A", "OTEL_B", "OTEL_C"].map(|name| variables.text(name)),
        [None, None, Some("x")]
    );
}

#[test]
fn one_problem_is_told_once_and_all_are_told() {
    let mut variables = variables(&[("OTEL_A", "x"), ("OTEL_B", "yes")]);

    assert_eq!(variables.number::<u32>("OTEL_A", 0), None);
    assert_eq!(variables.number::<u32>("OTEL_A", 0), None);
    assert_eq!(variables.boolean("OTEL_B"), None);
    assert_eq!(variables.check().unwrap_err().problems().count(), 2);
}

#[test]
fn numbers_have_the_specifications_range() {
    let read = |text: &str, least| variables(&[("OTEL_A", text)]).number::<u64>("OTEL_A", least);

    assert_eq!(read("0", 0), Some(0));
    assert_eq!(read("2147483647", 0), Some(2_147_483_647));
    for wrong in ["-1", "2147483648", "1.5", "1s", "+1 "] {
        let read = read(wrong, 0);
        assert_eq!(read.filter(|_| wrong != "+1 "), None, "{wrong}");
    }
    assert_eq!(read("0", 1), None);
    let mut none = variables(&[("OTEL_A", "0")]);
    assert_eq!(none.timeout("OTEL_A"), Some(NO_LIMIT));
}

#[test]
fn pairs_are_decoded() {
    let read = pairs("a=1, b = x%20y ,c=d=e,").unwrap();
    let expected = [("a", "1"), ("b", "x y"), ("c", "d=e")];

    assert_eq!(
        read,
        expected.map(|(key, value)| (key.into(), value.into()))
    );
    for wrong in ["a", "=1", "a=%FF"] {
        assert!(pairs(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let wrong = OsString::from_vec(vec![0xFF]);
    let variables = Variables::new([("OTEL_SERVICE_NAME".into(), wrong)]);

    assert!(variables.check().is_err());
}

#[test]
fn an_unknown_name_near_ours_is_refused_and_others_are_not_ours() {
    for name in [
        "OTEL_EXPORTER_OTLP_TRACE_ENDPOINT",
        "OTEL_BSP_MAX_QUEUE",
        "OTEL_METRICS_INTERVAL",
        "OTEL_TRACES_SAMPLR",
        "OTEL_SERVICE_NAM",
        "OTEL_RESOURCE_ATTRIBUTE",
    ] {
        let mut variables = variables(&[(name, "1")]);
        variables.refuse();
        let error = variables.check().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{name}: no such variable is known")
        );
    }
    let mut others = variables(&[("OTEL_PYTHON_LOG_CORRELATION", "true")]);
    others.refuse();
    assert!(others.check().is_ok());
}
