//! Mutations that leave JSON whole. What a bundle or a root holds is wrapped several times, in
//! JSON, base64, JSON again, and DER: a byte changed anywhere else than innermost ends at the
//! first wrapping.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

/// Mutates `data[..size]` in place, and returns the new size, at most `max_size`.
pub type Mutate = fn(data: &mut [u8], size: usize, max_size: usize) -> usize;

/// How much a value may grow at once.
const GROWTH: usize = 64;

/// Changes one value in the JSON of `data[..size]`, and what bytes it holds by `bytes`; now and
/// then the JSON itself, whether it still is some or not. Returns the new size.
pub fn json(data: &mut [u8], size: usize, max_size: usize, seed: u32, bytes: Mutate) -> usize {
    let mut dice = Dice(seed.into());
    let parsed = serde_json::from_slice::<Value>(&data[..size]);
    if let (Ok(mut value), 1..) = (parsed, dice.throw(8)) {
        change(&mut value, &mut dice, bytes);
        let text = value.to_string();
        if text.len() <= max_size {
            data[..text.len()].copy_from_slice(text.as_bytes());
            return text.len();
        }
    }
    bytes(data, size, max_size)
}

fn change(root: &mut Value, dice: &mut Dice, bytes: Mutate) {
    let mut places = Vec::new();
    collect(root, String::new(), &mut places);
    let place = dice.choose(&places).clone();
    let other: &String = dice.choose(&places);
    let other = root.pointer(other).cloned();
    let action = dice.throw(8);
    let Some(value) = root.pointer_mut(&place) else {
        return;
    };
    match (action, value) {
        (0, value) => *value = other.unwrap_or_default(),
        (1, Value::Object(fields)) if !fields.is_empty() => {
            let names: Vec<_> = fields.keys().cloned().collect();
            fields.remove(dice.choose(&names));
        }
        (1, Value::Array(items)) if !items.is_empty() => {
            items.remove(dice.throw(items.len()));
        }
        (_, Value::Array(items)) if !items.is_empty() => {
            let item = dice.choose(items).clone();
            items.insert(dice.throw(items.len()), item);
        }
        (action, Value::Object(fields)) if !fields.is_empty() => {
            let names: Vec<_> = fields.keys().cloned().collect();
            let (from, mut to) = (dice.choose(&names), dice.choose(&names).clone());
            if action < 4 {
                change_text(&mut to, dice, bytes);
            }
            let moved = fields.get(from).cloned().unwrap_or_default();
            fields.insert(to, moved);
        }
        (_, Value::String(text)) => change_text(text, dice, bytes),
        (_, value) => *value = edge(dice),
    }
}

fn change_text(text: &mut String, dice: &mut Dice, bytes: Mutate) {
    if text.parse::<i64>().is_ok() {
        *text = edge(dice).to_string();
        return;
    }
    let mutated = |mut inner: Vec<u8>| {
        let size = inner.len();
        inner.resize(size + GROWTH, 0);
        let size = bytes(&mut inner, size, size + GROWTH);
        inner.truncate(size);
        inner
    };
    let Ok(inner) = BASE64_STANDARD.decode(text.as_bytes()) else {
        let inner = mutated(std::mem::take(text).into_bytes());
        *text = String::from_utf8_lossy(&inner).into_owned();
        return;
    };
    let inner = match serde_json::from_slice::<Value>(&inner) {
        Ok(mut value) if !value.is_number() => {
            change(&mut value, dice, bytes);
            value.to_string().into_bytes()
        }
        _ => mutated(inner),
    };
    *text = BASE64_STANDARD.encode(inner);
}

/// Every place in `value` as a JSON pointer (RFC 6901).
fn collect(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect(field, format!("{at}/{name}"), places);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{at}/{index}"), places);
            }
        }
        _ => {}
    }
    places.push(at);
}

/// A value at which a reader's arithmetic might turn.
fn edge(dice: &mut Dice) -> Value {
    let edges = [
        json!(0),
        json!(1),
        json!(2),
        json!(-1),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1_u64 << 32),
        json!(1e300),
        json!(0.5),
        json!(""),
        json!([]),
        json!({}),
        json!(true),
        Value::Null,
    ];
    dice.choose(&edges).clone()
}

/// The same throws for the same seed, as libFuzzer asks of a mutation.
struct Dice(u64);

impl Dice {
    /// A number below `sides` (splitmix64).
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let sides = u64::try_from(sides).unwrap_or(1).max(1);
        usize::try_from((z ^ (z >> 31)) % sides).unwrap_or_default()
    }

    fn choose<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.throw(among.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In place of libFuzzer's: adds a byte.
    fn grown(data: &mut [u8], size: usize, max_size: usize) -> usize {
        if size < max_size {
            data[size] = b'!';
            return size + 1;
        }
        size
    }

    fn mutated(text: &str, seed: u32) -> Vec<u8> {
        let max_size = text.len() + 100;
        let mut data = text.as_bytes().to_vec();
        data.resize(max_size, 0);
        let size = json(&mut data, text.len(), max_size, seed, grown);
        data.truncate(size);
        data
    }

    #[test]
    fn most_mutations_of_json_are_json_and_all_can_be_repeated() {
        let text = json!({"a": [1, {"b": "c"}], "d": "e"}).to_string();
        let all: Vec<_> = (0..1000).map(|seed| mutated(&text, seed)).collect();
        let whole = |data: &&Vec<u8>| serde_json::from_slice::<Value>(data).is_ok();
        assert!((800..1000).contains(&all.iter().filter(whole).count()));
        assert!(
            (0..1000)
                .zip(all)
                .all(|(seed, data)| mutated(&text, seed) == data)
        );
    }

    #[test]
    fn what_base64_holds_is_reached_at_every_depth() {
        let wrap = |inner: &[u8]| json!({"x": BASE64_STANDARD.encode(inner)}).to_string();
        let text = wrap(wrap(b"innermost").as_bytes());
        let wanted = wrap(wrap(b"innermost!").as_bytes());
        assert!((0..1000).any(|seed| mutated(&text, seed) == wanted.as_bytes()));
    }

    #[test]
    fn what_is_no_json_is_mutated_as_bytes() {
        assert!((0..100).all(|seed| mutated("{", seed) == b"{!"));
    }
}
