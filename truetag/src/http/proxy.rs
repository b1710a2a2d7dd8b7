//! The proxy that the environment names for a URL, as curl and others read it: `https_proxy` or
//! `http_proxy` by the URL's scheme, else `all_proxy`, and `no_proxy` for hosts past any. Names in
//! small letters come first.

use ureq::Proxy;

use super::{SettingError, host};

/// The proxy for `url`, in the environment that `variable` reads.
pub(super) fn choose(
    url: &str,
    variable: impl Fn(&'static str) -> Option<String>,
) -> Result<Option<Proxy>, SettingError> {
    let by_scheme = if url.starts_with("https://") {
        ["https_proxy", "HTTPS_PROXY"]
    } else {
        ["http_proxy", "HTTP_PROXY"]
    };
    let set = |name: &&'static str| {
        let value = variable(name).filter(|value| !value.is_empty());
        value.map(|value| (*name, value))
    };
    let mut names = by_scheme.iter().chain(&["all_proxy", "ALL_PROXY"]);
    let Some((name, value)) = names.find_map(set) else {
        return Ok(None);
    };
    let past = ["no_proxy", "NO_PROXY"].iter().find_map(set);
    if past.is_some_and(|(_, past)| is_past(host(url), &past)) {
        return Ok(None);
    }
    // The value may hold a password, and is not shown.
    let proxy = Proxy::new(&value).map_err(|_| SettingError {
        variable: name,
        detail: "expected http://[USER:PASSWORD@]HOST[:PORT], or https or socks5h in place of http"
            .to_owned(),
    })?;
    Ok(Some(proxy))
}

/// Whether `host` is, or lies below, a name on the list; `*` is every host.
fn is_past(host: &str, list: &str) -> bool {
    let host = host.to_ascii_lowercase();
    list.split(',').any(|entry| {
        let entry = entry.trim().to_ascii_lowercase();
        let name = entry.trim_start_matches('*').trim_start_matches('.');
        if entry == "*" || (!name.is_empty() && host == name) {
            return true;
        }
        let below = host.strip_suffix(name).unwrap_or_default();
        !name.is_empty() && below.ends_with('.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Host of the proxy chosen, or the variable that is to blame.
    fn chosen(url: &str, environment: &[(&str, &str)]) -> Result<Option<String>, &'static str> {
        let variable = |name: &'static str| {
            let mut environment = environment.iter();
            let found = environment.find(|(of, _)| *of == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let proxy = choose(url, variable).map_err(|error| error.variable)?;
        Ok(proxy.map(|proxy| proxy.host().to_owned()))
    }

    #[test]
    fn a_proxy_is_chosen_by_the_scheme_of_the_url() {
        let all = [
            ("HTTPS_PROXY", "http://secure:1"),
            ("HTTP_PROXY", "http://plain:1"),
            ("ALL_PROXY", "http://all:1"),
        ];
        let of = |url, environment| chosen(url, environment).unwrap();
        assert_eq!(of("https://example.com/x", &all), Some("secure".to_owned()));
        assert_eq!(of("http://example.com/x", &all), Some("plain".to_owned()));
        assert_eq!(
            of("https://example.com/x", &all[1..]),
            Some("all".to_owned())
        );
        assert_eq!(of("https://example.com/x", &all[1..2]), None);
        let small = [all[0], ("https_proxy", "small:3128")];
        assert_eq!(
            of("https://example.com/x", &small),
            Some("small".to_owned())
        );
        let empty = [("https_proxy", ""), ("ALL_PROXY", "")];
        assert_eq!(of("https://example.com/x", &empty), None);
    }

    #[test]
    fn user_and_password_may_be_percent_encoded() {
        let variable = |name| (name == "ALL_PROXY").then(|| "http://ada:p%40ss@proxy:1".to_owned());
        let proxy = choose("https://example.com", variable).unwrap().unwrap();
        assert_eq!(
            (proxy.username(), proxy.password()),
            (Some("ada"), Some("p@ss"))
        );
    }

    #[test]
    fn a_proxy_that_is_none_is_told_by_its_variable_and_not_by_its_value() {
        for bad in ["gopher://ada:secret@proxy", "http://", "ada:secret@ proxy"] {
            let environment = [("HTTPS_PROXY", bad)];
            assert_eq!(
                chosen("https://example.com", &environment),
                Err("HTTPS_PROXY")
            );
            let error = choose("https://example.com", |name| {
                (name == "HTTPS_PROXY").then(|| bad.to_owned())
            });
            assert!(!error.unwrap_err().to_string().contains("secret"));
        }
    }

    #[test]
    fn hosts_on_the_list_and_below_it_are_past_any_proxy() {
        for list in [
            "example.com",
            "other, EXAMPLE.com",
            ".example.com",
            "*.example.com",
            "*",
        ] {
            assert!(is_past("a.example.com", list), "{list}");
            assert!(is_past("example.com", list), "{list}");
        }
        for list in ["", ",", "a.example.com", "ample.com", "example.co", "."] {
            assert!(!is_past("example.com", list), "{list}");
        }
    }
}
