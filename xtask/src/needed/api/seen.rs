//! What callers see of an item, in parts, so that what was added for them can be told from what was
//! taken away.

use std::collections::BTreeSet;

use quote::ToTokens;
use release_plan::Bump;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Fields, FnArg, GenericArgument, GenericParam, Generics, Ident, ImplItem, Item,
    ItemImpl, Meta, PathArguments, PathSegment, Signature, Token, TraitItem, TypeParamBound,
};

use super::is_public;

/// What callers see, whichever way it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::needed) struct Seen {
    /// What cannot be other without somebody noticing.
    pub(super) fixed: String,
    /// What callers may count on: more of it harms nobody.
    promises: BTreeSet<Promise>,
    /// Fields, variants, or items of a trait.
    parts: Vec<(String, Self)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Promise {
    /// It can be called where constants are made.
    Const,
    /// It can be called without `unsafe`.
    Safe,
    /// Whoever implements the trait need not write it.
    Given,
    /// There are no other parts, so that callers may name them all.
    Whole,
}

impl Seen {
    pub(super) fn of(fixed: String) -> Self {
        Self {
            fixed,
            ..Self::default()
        }
    }

    /// What becoming `now` does to callers; none where they see no difference.
    pub(in crate::needed) fn difference(&self, now: &Self) -> Option<Bump> {
        let part = |of: &Self, name: &str| {
            let mut parts = of.parts.iter();
            parts.find(|(other, _)| other == name).cloned()
        };
        let kept = now.parts.iter().map(|(name, _)| name);
        let kept = kept.filter(|name| part(self, name).is_some());
        if self.fixed != now.fixed
            || !self.promises.is_subset(&now.promises)
            // One is gone, or stands elsewhere among them.
            || !kept.eq(self.parts.iter().map(|(name, _)| name))
        {
            return Some(Bump::Major);
        }
        let more = (self.promises != now.promises).then_some(Bump::Minor);
        let parts = now.parts.iter().map(|(name, is)| match part(self, name) {
            Some((_, was)) => was.difference(is),
            None if is.promises.contains(&Promise::Given) => Some(Bump::Minor),
            None if self.promises.contains(&Promise::Whole) => Some(Bump::Major),
            None => Some(Bump::Minor),
        });
        parts.chain([more]).max().flatten()
    }
}

/// What callers see of an item that has a name of its own.
pub(super) fn item(item: &Item) -> Seen {
    match item {
        Item::Const(item) => Seen::of(tokens(&item.ty)),
        Item::Static(item) => Seen::of(tokens(&item.ty)),
        Item::Fn(item) => signature(&item.sig),
        Item::Type(item) => Seen::of(format!("{} = {}", tokens(&item.generics), tokens(&item.ty))),
        Item::Struct(item) => {
            let seen = fields(&item.fields, &item.attrs, false);
            let fixed = format!("{}{}", with_where(&item.generics), seen.fixed);
            Seen { fixed, ..seen }
        }
        Item::Enum(item) => {
            let variants = item.variants.iter().map(|variant| {
                let seen = fields(&variant.fields, &variant.attrs, true);
                (variant.ident.to_string(), seen)
            });
            Seen {
                fixed: with_where(&item.generics),
                promises: whole(!is_open(&item.attrs)),
                parts: variants.collect(),
            }
        }
        Item::Trait(item) => Seen {
            fixed: format!(
                "{}{}: {}",
                tokens(&item.unsafety),
                with_where(&item.generics),
                tokens(&item.supertraits)
            ),
            promises: whole(true),
            parts: in_any_order(item.items.iter().map(trait_item).collect()),
        },
        Item::Union(item) => Seen::of(tokens(&item.fields)),
        _ => Seen::default(),
    }
}

fn whole(is: bool) -> BTreeSet<Promise> {
    is.then_some(Promise::Whole).into_iter().collect()
}

fn trait_item(item: &TraitItem) -> (String, Seen) {
    let (name, fixed, given) = match item {
        TraitItem::Fn(item) => {
            // Whoever implements it writes the whole of it.
            let unsafety = tokens(&item.sig.unsafety);
            let fixed = format!("{unsafety} {}", signature(&item.sig).fixed);
            (item.sig.ident.to_string(), fixed, item.default.is_some())
        }
        TraitItem::Type(item) => {
            let fixed = format!("{}: {}", tokens(&item.generics), tokens(&item.bounds));
            (format!("type {}", item.ident), fixed, false)
        }
        TraitItem::Const(item) => {
            let given = item.default.is_some();
            (format!("const {}", item.ident), tokens(&item.ty), given)
        }
        other => (tokens(other), String::new(), false),
    };
    let promises = given.then_some(Promise::Given).into_iter().collect();
    let parts = Vec::new();
    let seen = Seen {
        fixed,
        promises,
        parts,
    };
    (name, seen)
}

/// What callers see of fields: those that are public, and whether there may be others.
fn fields(fields: &Fields, attributes: &[Attribute], all: bool) -> Seen {
    let numbered = fields.iter().enumerate();
    let shown = numbered.filter(|(_, field)| all || is_public(&field.vis));
    let shown = shown.map(|(index, field)| {
        let name = field.ident.as_ref();
        let name = name.map_or_else(|| index.to_string(), ToString::to_string);
        (name, Seen::of(tokens(&field.ty)))
    });
    let shown: Vec<_> = shown.collect();
    let fixed = match fields {
        Fields::Named(_) => "{}",
        Fields::Unnamed(_) => "()",
        Fields::Unit => "",
    };
    Seen {
        fixed: fixed.to_owned(),
        promises: whole(shown.len() == fields.len() && !is_open(attributes)),
        parts: in_any_order(shown),
    }
}

/// Parts of which nobody sees the order.
fn in_any_order(mut parts: Vec<(String, Seen)>) -> Vec<(String, Seen)> {
    parts.sort_by(|(one, _), (other, _)| one.cmp(other));
    parts
}

/// What callers see of a function: not how it calls what it is given.
pub(super) fn signature(of: &Signature) -> Seen {
    let inputs = of.inputs.iter().map(|input| match input {
        FnArg::Receiver(this) => tokens(this),
        FnArg::Typed(input) => tokens(&input.ty),
    });
    let constant = of.constness.map(|_| Promise::Const);
    let safe = of.unsafety.is_none().then_some(Promise::Safe);
    Seen {
        fixed: format!(
            "{}{}({}){} {}",
            tokens(&of.asyncness),
            tokens(&of.generics),
            inputs.collect::<Vec<_>>().join(", "),
            tokens(&of.output),
            tokens(&of.generics.where_clause)
        ),
        promises: constant.into_iter().chain(safe).collect(),
        parts: Vec::new(),
    }
}

/// A public method or constant of a type: callers see for which of its kind it is there, too.
pub(super) fn method(of: &ItemImpl, segment: &PathSegment, seen: Seen) -> Seen {
    let wide = format!("{}{}", bounds(&of.generics), arguments(segment));
    Seen {
        fixed: format!("{wide}{}", seen.fixed),
        ..seen
    }
}

/// The name of a trait that a type has, and what callers see of that; none where it has it not.
pub(super) fn implementation(of: &ItemImpl, segment: &PathSegment) -> Option<(String, Seen)> {
    let (None, path, _) = of.trait_.as_ref()? else {
        return None;
    };
    let last = path.segments.last()?;
    let types = of.items.iter().filter_map(|item| match item {
        ImplItem::Type(item) => Some(format!(" {} = {}", item.ident, tokens(&item.ty))),
        _ => None,
    });
    let types: String = types.collect();
    let fixed = format!("{}{}{types}", bounds(&of.generics), arguments(segment));
    Some((
        format!("{}{}", last.ident, arguments(last)),
        Seen::of(fixed),
    ))
}

/// The traits that derives give to a type, as if their implementations had been written.
pub(super) fn derived(attributes: &[Attribute], generics: &Generics) -> Vec<(Ident, Seen)> {
    let mut found = Vec::new();
    for attribute in attributes {
        derives(&attribute.meta, &mut found);
    }
    let given = found.into_iter().map(|name| {
        let mut bounded = generics.clone();
        for kind in bounded.type_params_mut() {
            kind.bounds
                .push(TypeParamBound::Trait(syn::parse_quote!(#name)));
        }
        let (_, arguments, _) = generics.split_for_impl();
        let arguments: Option<PathArguments> = syn::parse2(arguments.to_token_stream())
            .ok()
            .map(PathArguments::AngleBracketed);
        let arguments = arguments.unwrap_or_default();
        let ident = name.clone();
        let fixed = format!(
            "{}{}",
            bounds(&bounded),
            self::arguments(&PathSegment { ident, arguments })
        );
        (name, Seen::of(fixed))
    });
    given.collect()
}

/// The last words of what a `derive` names, in whatever `cfg_attr` it stands but that of tests.
fn derives(meta: &Meta, found: &mut Vec<Ident>) {
    let Meta::List(list) = meta else {
        return;
    };
    if list.path.is_ident("derive") {
        let paths = list.parse_args_with(Punctuated::<syn::Path, Token![,]>::parse_terminated);
        let last = |path: &syn::Path| path.segments.last().map(|last| last.ident.clone());
        found.extend(paths.iter().flatten().filter_map(last));
    } else if list.path.is_ident("cfg_attr") {
        let metas = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
        let metas: Vec<_> = metas.into_iter().flatten().collect();
        match metas.split_first() {
            Some((when, given)) if !when.path().is_ident("test") => {
                given.iter().for_each(|meta| derives(meta, found));
            }
            _ => {}
        }
    }
}

/// For what a block stands: not what it calls lifetimes.
fn bounds(of: &Generics) -> String {
    let params = of.params.iter();
    let params = params.filter(|it| !matches!(it, GenericParam::Lifetime(_)));
    let params: Vec<_> = params.map(|param| without_default(param.clone())).collect();
    let params = match params.as_slice() {
        [] => String::new(),
        params => format!("<{}>", params.join(", ")),
    };
    format!("{params}{}", tokens(&of.where_clause))
}

fn without_default(mut param: GenericParam) -> String {
    match &mut param {
        GenericParam::Type(of) => (of.eq_token, of.default) = (None, None),
        GenericParam::Const(of) => (of.eq_token, of.default) = (None, None),
        GenericParam::Lifetime(_) => {}
    }
    tokens(&param)
}

/// What stands in angles after a name, but for what lifetimes are called.
fn arguments(of: &PathSegment) -> String {
    let PathArguments::AngleBracketed(all) = &of.arguments else {
        return tokens(&of.arguments);
    };
    let named = |it: &&GenericArgument| matches!(it, GenericArgument::Lifetime(lifetime) if lifetime.ident != "static");
    let all = all.args.iter().filter(|it| !named(it)).map(tokens);
    let all: Vec<_> = all.collect();
    match all.as_slice() {
        [] => String::new(),
        all => format!("<{}>", all.join(", ")),
    }
}

fn with_where(of: &Generics) -> String {
    format!("{}{}", tokens(of), tokens(&of.where_clause))
}

fn is_open(attributes: &[Attribute]) -> bool {
    let mut attributes = attributes.iter();
    attributes.any(|attribute| attribute.path().is_ident("non_exhaustive"))
}

pub(super) fn tokens(of: &impl ToTokens) -> String {
    of.to_token_stream().to_string()
}
