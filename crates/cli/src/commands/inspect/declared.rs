//! The checks that need no running instance, on what a module and its deployment say.

use anyhow::Result;
use transform_host::{Deployment, Facts, Import, Limits, Provided, Refusal, check_deployment};

use super::check::Check;
use crate::show::units;

/// Returns these checks, in the broker's order.
pub fn checks(wasm: &[u8], deployment: &Deployment, limits: &Limits) -> Result<Vec<Check>> {
    let facts = Facts::of(wasm)?;
    let max_functions = u64::from(Limits::MAX_FUNCTIONS);
    let table = facts.table_min.unwrap_or(0);
    Ok(vec![
        accepted(wasm, deployment, limits),
        exports(&facts),
        abi(&facts),
        Check::bytes(
            "module size",
            wasm.len() as u64,
            limits.binary_max_bytes - Limits::STORED_OVERHEAD,
        ),
        environment(wasm, deployment, limits),
        Check::count(
            "bytes of its name",
            deployment.name.len() as u64,
            Limits::MAX_NAME_BYTES as u64,
        ),
        Check::count(
            "output topics",
            deployment.output_topics.len() as u64,
            Limits::MAX_OUTPUTS as u64,
        ),
        Check::count("function types", facts.types as u64, max_functions),
        Check::count("functions", facts.functions as u64, max_functions),
        imports(&facts),
        memory_maximum(&facts),
        Check::count("table elements", table, limits.table_elements as u64),
        Check::text("SIMD", if facts.uses_simd { "used" } else { "not used" }, true)
            .note(if facts.uses_simd { "" } else { "the broker has it; see .cargo/config.toml" }),
    ])
}

fn accepted(wasm: &[u8], deployment: &Deployment, limits: &Limits) -> Check {
    match check_deployment(wasm, deployment, limits) {
        Ok(()) => Check::text("accepted at deployment", "yes", true),
        Err(refusal) => {
            let answer = format!("the broker answers HTTP {}: {refusal}", refusal.http());
            Check::no("accepted at deployment", answer)
        }
    }
}

fn exports(facts: &Facts) -> Check {
    let wanted = [("_start", "func"), ("memory", "memory")];
    let missing = wanted.iter().filter(|(name, kind)| {
        !facts.exports.iter().any(|export| export.name == *name && export.kind == *kind)
    });
    let missing: Vec<&str> = missing.map(|(name, _)| *name).collect();
    match missing[..] {
        [] => Check::text("exports", "_start, memory", true),
        _ => Check::no("exports", format!("missing: {}", missing.join(", "))),
    }
}

fn abi(facts: &Facts) -> Check {
    let marker = |import: &Import| {
        let version = import.name.strip_prefix("check_abi_version_")?;
        (import.module == "redpanda_transform").then(|| format!("version {version}"))
    };
    match facts.imports.iter().find_map(marker) {
        Some(version) => {
            let known = ["version 1", "version 2"].contains(&version.as_str());
            Check::text("transform ABI", version, known)
        }
        None => Check::no("transform ABI", "no marker; build with redpanda-transform-sdk"),
    }
}

fn imports(facts: &Facts) -> Check {
    let faults = facts.imports.iter().filter_map(|import| {
        let Import { module, name, ty, provided, .. } = import;
        match provided {
            Provided::Yes => None,
            Provided::No => Some(format!("{module}.{name} is not provided")),
            Provided::OtherType(ours) => Some(format!("{module}.{name} is {ours}, not {ty}")),
        }
    });
    let faults: Vec<String> = faults.collect();
    let count = facts.imports.len();
    match faults[..] {
        [] => Check::text("imports", format!("{count}, all provided"), true),
        _ => Check::text("imports", format!("{} of {count} unusable", faults.len()), false).note(
            format!(
                "{}; deployment does not notice, but the transform stays `unknown` and never starts",
                faults.join("; ")
            ),
        ),
    }
}

fn memory_maximum(facts: &Facts) -> Check {
    match facts.memory_max_pages {
        None => Check::text("declared memory maximum", "none", true),
        Some(pages) => {
            let shown = units::size(pages.saturating_mul(1 << 16));
            Check::text("declared memory maximum", shown, false).note(
                "a module with any maximum deploys but never starts; link without --max-memory",
            )
        }
    }
}

fn environment(wasm: &[u8], deployment: &Deployment, limits: &Limits) -> Check {
    let check = Check::count(
        "environment variables",
        deployment.environment.len() as u64,
        Limits::MAX_VARIABLES as u64,
    );
    let refused = |variable: &&(String, String)| {
        let alone = deployment.clone().with(|d| d.environment = vec![(*variable).clone()]);
        matches!(check_deployment(wasm, &alone, limits), Err(Refusal::InvalidVariable(_)))
    };
    match deployment.environment.iter().find(refused) {
        None => check,
        Some((key, _)) => check.refused().note(format!(
            "{key}: a key has 1 to {} bytes and does not begin with REDPANDA_, a value has 1 to {} \
             bytes, neither has control characters",
            Limits::MAX_KEY_BYTES,
            units::count(Limits::MAX_VALUE_BYTES as u64),
        )),
    }
}
