//! What processes cost, and what machine it is, as Linux tells by clocks and in /proc.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The unit of times in /proc/PID/stat, fixed for user space on every architecture (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// The parent, and the ticks of CPU that its ended children had.
fn stat(pid: u32) -> Option<(u32, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let number = |index: usize| fields.get(index)?.parse::<u32>().ok();
    Some((number(1)?, number(13)? + number(14)?))
}

/// CPU seconds that a process itself has had, by its own clock: what /proc tells is rounded.
#[cfg(target_os = "linux")]
fn own_cpu_seconds(pid: u32) -> Option<f64> {
    use nix::time::{ClockId, clock_gettime};
    use nix::unistd::Pid;
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(i32::try_from(pid).ok()?)).ok()?;
    Some(std::time::Duration::from(clock_gettime(clock).ok()?).as_secs_f64())
}

#[cfg(not(target_os = "linux"))]
fn own_cpu_seconds(_: u32) -> Option<f64> {
    None
}

/// A process and all below it.
fn family(root: u32) -> Vec<u32> {
    let parents: BTreeMap<u32, u32> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?.0)))
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, of)| **of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

pub fn parent(pid: u32) -> Option<u32> {
    stat(pid).map(|(parent, _)| parent)
}

/// CPU seconds of a process and all below it since they began.
pub fn cpu_seconds(root: u32) -> f64 {
    let seconds = |pid| Some(own_cpu_seconds(pid)? + f64::from(stat(pid)?.1) / TICKS_PER_SECOND);
    family(root).into_iter().filter_map(seconds).sum()
}

/// CPU seconds of this process's children that have ended, and been waited for.
pub fn cpu_seconds_of_ended() -> f64 {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::{TimeVal, TimeValLike as _};
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let seconds = |time: TimeVal| {
        std::time::Duration::from_micros(time.num_microseconds().try_into().unwrap()).as_secs_f64()
    };
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// The most memory that a process ever had resident, in MiB. Of one with others below it, which share theirs and of which nobody
/// keeps the peak together, what they have now, with what is shared counted once.
pub fn memory_mib(root: u32) -> u64 {
    let family = family(root);
    let kib = match family.as_slice() {
        [alone] => kib(*alone, "status", "VmHWM:").unwrap_or_default(),
        many => many.iter().filter_map(|pid| kib(*pid, "smaps_rollup", "Pss:")).sum(),
    };
    kib / 1_024
}

/// The most memory that the process called `name` below another ever had resident, in MiB; of several, the one with the most.
pub fn peak_mib_of(root: u32, name: &str) -> Option<u64> {
    let is_called =
        |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name);
    let peaks = family(root).into_iter().filter(is_called).filter_map(|pid| kib(pid, "status", "VmHWM:"));
    peaks.max().map(|kib| kib / 1_024)
}

fn kib(pid: u32, file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// What a reader needs to judge figures by.
pub fn facts() -> BTreeMap<&'static str, String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let memory = read("/proc/meminfo");
    let mib = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().trim_end_matches(" kB").parse::<u64>().ok());
    BTreeMap::from([
        ("cores", std::thread::available_parallelism().map_or(0, usize::from).to_string()),
        ("processor", model.map_or("unknown", |(_, model)| model).to_owned()),
        ("memory", format!("{} MiB", mib.unwrap_or_default() / 1_024)),
        ("kernel", read("/proc/sys/kernel/osrelease").trim().to_owned()),
        ("load before", read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")),
    ])
}

pub fn is_supported() -> bool {
    Path::new("/proc/self/stat").exists()
}
