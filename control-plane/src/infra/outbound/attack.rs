//! The section `ssrf` of the catalogue of attacks: URLs that lead where they must not, each beside one that leads where it may.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use agentidp_tests::attack::{Outcome, Section};

use super::{Addresses, Outbound, Resolver};
use crate::infra::config::OutboundConfig;

const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(93, 184, 215, 14));
const PUBLIC_V6: IpAddr =
    IpAddr::V6(Ipv6Addr::new(0x2606, 0x2800, 0x21f, 0xcb07, 0x6820, 0x80da, 0xaf6b, 0x8b2c));

/// Answers with the addresses of each turn, the last for ever.
#[derive(Debug)]
pub(super) struct Stub {
    turns: Mutex<Vec<Vec<IpAddr>>>,
    pub asked: AtomicUsize,
}

impl Stub {
    pub fn new(turns: Vec<Vec<IpAddr>>) -> Arc<Self> {
        Arc::new(Self { turns: Mutex::new(turns), asked: AtomicUsize::new(0) })
    }
}

impl Resolver for Stub {
    fn resolve(&self, _: &str) -> Addresses {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut turns = self.turns.lock().unwrap();
        let addresses = if turns.len() > 1 { turns.remove(0) } else { turns[0].clone() };
        Box::pin(async move { Ok(addresses) })
    }
}

/// A section, and the door with names that lead where they are set to.
struct Table {
    section: Section,
    door: Outbound,
    names: Arc<Stub>,
}

impl Table {
    fn new() -> Self {
        let names = Stub::new(vec![vec![PUBLIC]]);
        let door = Outbound::with_resolver(&OutboundConfig::default(), names.clone()).unwrap();
        Self { section: Section::new("ssrf"), door, names }
    }

    /// What becomes of a URL where every name has these addresses.
    async fn outcome(&self, url: &str, addresses: &[IpAddr]) -> Outcome {
        *self.names.turns.lock().unwrap() = vec![addresses.to_vec()];
        self.admit(url).await
    }

    async fn admit(&self, url: &str) -> Outcome {
        Outcome::of_result(&self.door.admit(url).await.map(|target| target.url().to_string()))
    }

    /// An attack by how a URL is written, and the same written well.
    async fn url(&mut self, name: &str, url: &str, expected: &str, twin: &str) {
        let (observed, twin) = (self.outcome(url, &[PUBLIC]).await, self.outcome(twin, &[PUBLIC]).await);
        self.section.row(format!("{name}: {url}"), expected, observed, twin);
    }

    /// An attack by what a name leads to, and the same name leading to where it may.
    async fn name(&mut self, name: &str, addresses: &[IpAddr], expected: &str, twin: IpAddr) {
        let url = "https://issuer.example.com/.well-known/openid-configuration";
        let (observed, twin) = (self.outcome(url, addresses).await, self.outcome(url, &[twin]).await);
        self.section.row(name, expected, observed, twin);
    }
}

/// An address of each network that is not public.
const V4: [(&str, &str); 29] = [
    ("0.0.0.0", "unspecified"),
    ("0.1.2.3", "unspecified"),
    ("10.0.0.1", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.1", "carrier"),
    ("100.100.100.200", "carrier"),
    ("100.127.255.255", "carrier"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("168.63.129.16", "metadata"),
    ("169.254.0.1", "link-local"),
    ("169.254.169.254", "metadata"),
    ("169.254.170.2", "link-local"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.192", "reserved"),
    ("192.0.2.1", "documentation"),
    ("192.31.196.1", "reserved"),
    ("192.52.193.1", "reserved"),
    ("192.88.99.1", "reserved"),
    ("192.168.0.1", "private"),
    ("192.168.255.255", "private"),
    ("192.175.48.1", "reserved"),
    ("198.19.255.255", "benchmarks"),
    ("198.51.100.1", "documentation"),
    ("203.0.113.1", "documentation"),
    ("224.0.0.251", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "broadcast"),
];

/// The neighbours of these networks that are public: what a rule that is too wide would refuse.
const PUBLIC_NEIGHBOURS: [&str; 29] = [
    "1.0.0.1",
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "101.0.0.1",
    "126.255.255.255",
    "128.0.0.1",
    "168.63.129.17",
    "169.253.255.255",
    "169.255.0.1",
    "168.254.169.254",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "192.0.3.1",
    "192.31.197.1",
    "192.52.194.1",
    "192.88.98.1",
    "192.167.255.255",
    "192.169.0.1",
    "192.175.49.1",
    "198.20.0.1",
    "198.51.101.1",
    "203.0.112.1",
    "223.255.255.255",
    "8.8.8.8",
    "198.17.255.255",
];

const V6: [(&str, &str); 32] = [
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::2", "unspecified"),
    ("100::1", "reserved"),
    ("64:ff9b:1::7f00:1", "translates"),
    ("64:ff9b:1::808:808", "translates"),
    ("2001:2::1", "benchmarks"),
    ("2001:db8::1", "documentation"),
    ("2001:10::1", "reserved"),
    ("2001:20::1", "reserved"),
    ("2001:1::1", "reserved"),
    ("2620:4f:8000::1", "reserved"),
    ("3fff::1", "documentation"),
    ("3fff:fff::1", "documentation"),
    ("4000::1", "reserved"),
    ("5f00::1", "reserved"),
    ("fc00::1", "private"),
    ("fd00::1", "private"),
    ("fd00:ec2::254", "metadata"),
    ("fd20:ce::254", "metadata"),
    ("fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private"),
    ("fe80::1", "link-local"),
    ("febf::1", "link-local"),
    ("fec0::1", "private"),
    ("feff::1", "private"),
    ("ff00::1", "multicast"),
    ("ff02::1", "multicast"),
    ("ff02::fb", "multicast"),
    ("ff0e::1", "multicast"),
    ("1::1", "reserved"),
    ("e000::1", "reserved"),
    ("2606:2800:21f:cb07:0:5efe:a00:1", "private"),
];

/// An IPv6 address that carries an IPv4 address, by how.
fn carrying(v4: Ipv4Addr) -> [(&'static str, Ipv6Addr, bool); 7] {
    let [a, b, c, d] = v4.octets().map(u16::from);
    let (high, low) = (a << 8 | b, c << 8 | d);
    [
        ("IPv4-mapped", Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low), true),
        ("IPv4-translated", Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low), true),
        ("NAT64", Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low), true),
        ("6to4", Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1), false),
        ("Teredo", Ipv6Addr::new(0x2001, 0, 0x4136, 0xe378, 0x8000, 0x63bf, !high, !low), false),
        ("ISATAP", Ipv6Addr::new(0x2606, 0x2800, 0, 1, 0, 0x5efe, high, low), false),
        ("IPv4-compatible", Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low), false),
    ]
}

#[tokio::test]
async fn every_url_that_leads_inside_is_refused() {
    let mut table = Table::new();
    for ((address, reason), neighbour) in V4.into_iter().zip(PUBLIC_NEIGHBOURS) {
        let twin = format!("https://{neighbour}/keys");
        table.url("address", &format!("https://{address}/keys"), reason, &twin).await;
        let (inside, public): (Ipv4Addr, Ipv4Addr) = (address.parse().unwrap(), neighbour.parse().unwrap());
        table.name(&format!("a name that leads to {address}"), &[inside.into()], reason, public.into()).await;
        for (position, (how, carrier, _)) in carrying(inside).into_iter().enumerate() {
            // Packets to these reach the address within; those through tunnels are refused whatever is within.
            let (_, carried, reaches) = carrying(public)[position];
            let twin = if reaches { carried.into() } else { PUBLIC_V6 };
            // 0.0.0.0 and below, written as IPv6, are other special addresses.
            if how == "IPv4-compatible" && inside.to_bits() < 2 {
                continue;
            }
            table
                .name(&format!("a name that leads to {address} as {how}"), &[carrier.into()], reason, twin)
                .await;
        }
    }
    for (address, reason) in V6 {
        let url = format!("https://[{address}]/keys");
        table.url("address", &url, reason, &format!("https://[{PUBLIC_V6}]/keys")).await;
        let inside: IpAddr = address.parse().unwrap();
        table.name(&format!("a name that leads to {address}"), &[inside], reason, PUBLIC_V6).await;
    }
    for (how, carrier, reaches) in carrying(Ipv4Addr::new(8, 8, 8, 8)) {
        if !reaches {
            table
                .name(
                    &format!("a name that leads to a public address as {how}"),
                    &[carrier.into()],
                    "tunnel",
                    PUBLIC_V6,
                )
                .await;
        }
    }
    spellings(&mut table).await;
    tricks(&mut table).await;
    names(&mut table).await;
    resolvers(&mut table).await;
    table.section.finish(400);
}

/// Other ways to write an address.
async fn spellings(table: &mut Table) {
    for [a, b, c, d] in
        [[127, 0, 0, 1], [169, 254, 169, 254], [10, 0, 0, 1], [192, 168, 1, 1], [93, 184, 215, 14_u32]]
    {
        let number = a << 24 | b << 16 | c << 8 | d;
        let low = b << 16 | c << 8 | d;
        let twin = "https://93.184.215.14/";
        for host in [
            format!("{number}"),
            format!("0x{number:x}"),
            format!("0{number:o}"),
            format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
            format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
            format!("{a}.{low}"),
            format!("{a}.{b}.{}", c << 8 | d),
            format!("0x{a:x}.{low}"),
            format!("0{a:o}.{b}.{c}.{d}"),
            format!("0{a}.{b}.{c}.{d}"),
            format!("{a}.{b}.{c}.0{d}"),
            format!("{a}.{b}.{c}.0x{d:x}"),
            format!("{}", u64::from(number) + (1 << 32)),
            format!("{}.{b}.{c}.{d}", a + 256),
        ] {
            table.url("another spelling", &format!("https://{host}/"), "one way", twin).await;
        }
        table.url("another spelling", &format!("https://{a}.{b}.{c}.{d}./"), "host name", twin).await;
        table.url("another spelling", &format!("https://0X{number:X}/"), "host name", twin).await;
    }
    let mapped = "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/";
    for (host, reason) in [
        ("[0:0:0:0:0:0:0:1]", "loopback"),
        ("[0000:0000:0000:0000:0000:0000:0000:0001]", "loopback"),
        ("[::ffff:127.0.0.1]", "loopback"),
        ("[::FFFF:7f00:1]", "loopback"),
        ("[::ffff:a9fe:a9fe]", "metadata"),
        ("[::127.0.0.1]", "loopback"),
        ("[64:ff9b::169.254.169.254]", "metadata"),
        ("[::ffff:8.8.8.8]", "one way"),
        ("[2606:2800:21F:CB07:6820:80DA:AF6B:8B2C]", "one way"),
        ("[2606:2800:021f:cb07:6820:80da:af6b:8b2c]", "one way"),
        ("[fe80::1%25eth0]", "host name"),
        ("[fe80::1%eth0]", "host name"),
        ("[::1", "host name"),
        ("[]", "host name"),
        ("[v1.fe80]", "host name"),
        ("[127.0.0.1]", "host name"),
        ("::1", "port"),
    ] {
        table.url("another spelling", &format!("https://{host}/"), reason, mapped).await;
    }
}

/// What one reader of URLs takes for another than the next does.
async fn tricks(table: &mut Table) {
    let twin = "https://issuer.example.com/keys";
    for (url, reason) in [
        ("http://issuer.example.com/keys", "https"),
        ("HTTPS://issuer.example.com/keys", "https"),
        ("ftp://issuer.example.com/keys", "https"),
        ("file:///etc/passwd", "https"),
        ("gopher://127.0.0.1:6379/_INFO", "https"),
        ("dict://127.0.0.1:11211/stats", "https"),
        ("ldap://127.0.0.1/", "https"),
        ("ws://issuer.example.com/", "https"),
        ("jar:https://issuer.example.com!/", "https"),
        ("javascript:alert(1)", "https"),
        ("data:application/json,{}", "characters"),
        ("data:application/json,1", "https"),
        ("//issuer.example.com/keys", "https"),
        ("/keys", "https"),
        ("issuer.example.com/keys", "https"),
        ("https:issuer.example.com/keys", "https"),
        ("https:/issuer.example.com/keys", "https"),
        ("https:///issuer.example.com/keys", "host name"),
        ("https:////issuer.example.com/keys", "host name"),
        ("https://", "host name"),
        ("https:///", "host name"),
        ("https://?", "host name"),
        ("", "1 to 2048"),
        (" https://issuer.example.com/keys", "characters"),
        ("https://issuer.example.com/keys ", "characters"),
        ("https://issuer.example.com/ke ys", "characters"),
        ("https://issuer.example.com/keys\n", "characters"),
        ("https://issuer.example.com\t/keys", "characters"),
        ("ht\ntps://issuer.example.com/keys", "characters"),
        ("https://issuer.example.com/\r\nHost: 127.0.0.1", "characters"),
        ("https://issuer.example.com/\0", "characters"),
        ("https://issuer.example.com\\@127.0.0.1/", "characters"),
        ("https:\\\\127.0.0.1\\keys", "characters"),
        ("https://127.0.0.1\\.example.com/", "characters"),
        ("https://user@issuer.example.com/keys", "user information"),
        ("https://user:secret@issuer.example.com/keys", "user information"),
        ("https://@issuer.example.com/keys", "user information"),
        ("https://:@issuer.example.com/keys", "user information"),
        ("https://issuer.example.com@127.0.0.1/", "user information"),
        ("https://issuer.example.com:443@169.254.169.254/", "user information"),
        ("https://127.0.0.1:80@issuer.example.com:443/", "user information"),
        ("https://a@b@127.0.0.1/", "user information"),
        ("https://issuer.example.com%40127.0.0.1/", "host name"),
        ("https://issuer.example.com#@127.0.0.1/", "fragment"),
        ("https://127.0.0.1#.example.com/", "fragment"),
        ("https://issuer.example.com/keys#", "fragment"),
        ("https://127.0.0.1?.example.com/", "loopback"),
        ("https://127.0.0.1/.example.com", "loopback"),
        ("https://issuer.example.com:22/", "port"),
        ("https://issuer.example.com:80/keys", "port"),
        ("https://issuer.example.com:443/keys", "port"),
        ("https://issuer.example.com:8443/keys", "port"),
        ("https://issuer.example.com:6379/", "port"),
        ("https://issuer.example.com:0/", "port"),
        ("https://issuer.example.com:/keys", "port"),
        ("https://issuer.example.com:65536/", "port"),
        ("https://issuer.example.com:443:80/", "port"),
        ("https://issuer.example.com:+443/", "port"),
        ("https://:443/", "port"),
        ("https://[::1]:443/", "port"),
        ("https://127.0.0.1:443/", "port"),
        ("https://issuer.example.com./keys", "host name"),
        ("https://issuer..example.com/keys", "host name"),
        ("https://.issuer.example.com/keys", "host name"),
        ("https://-issuer.example.com/keys", "host name"),
        ("https://issuer-.example.com/keys", "host name"),
        ("https://issuer_x.example.com/keys", "host name"),
        ("https://ISSUER.example.com/keys", "host name"),
        ("https://issuer.example.com,127.0.0.1/", "host name"),
        ("https://issuer.example.com;127.0.0.1/", "host name"),
        ("https://issuer.example.com&127.0.0.1/", "host name"),
        ("https://*.example.com/", "host name"),
        ("https://$(hostname).example.com/", "host name"),
        ("https://%31%32%37.0.0.1/", "host name"),
        ("https://127%2e0%2e0%2e1/", "host name"),
        ("https://issuer%2eexample.com/", "host name"),
        ("https://issuer.example.com%2f@127.0.0.1/", "user information"),
        ("https://issuer.example.com%00.127.0.0.1/", "host name"),
        ("https://①②⑦.⓪.⓪.①/", "characters"),
        ("https://１２７.０.０.１/", "characters"),
        ("https://127。0。0。1/", "characters"),
        ("https://127．0．0．1/", "characters"),
        ("https://127｡0｡0｡1/", "characters"),
        ("https://ｌｏｃａｌｈｏｓｔ/", "characters"),
        ("https://issuer.exämple.com/", "characters"),
        ("https://issuer.еxample.com/", "characters"),
        ("https://loc\u{ad}alhost/", "characters"),
        ("https://local\u{200b}host/", "characters"),
        ("https://xn--a.example.com/", "one way"),
        ("https://issuer.example.com/../keys", "one way"),
        ("https://issuer.example.com/a/./keys", "one way"),
        ("https://issuer.example.com/a/%2e%2e/keys", "one way"),
        ("https://issuer.example.com/'?'", "one way"),
        ("https://issuer.example.com/{keys}", "characters"),
        ("https://issuer.example.com/<keys>", "characters"),
        ("https://issuer.example.com/`id`", "characters"),
        ("https://issuer.example.com/a|b", "characters"),
        ("https://issuer.example.com/^", "characters"),
    ] {
        table.url("trick", url, reason, twin).await;
    }
    let long = format!("https://issuer.example.com/{}", "a".repeat(2_048));
    table.url("trick", &long, "1 to 2048", twin).await;
    let label = format!("https://{}.example.com/", "a".repeat(64));
    table.url("trick", &label, "host name", twin).await;
    let host = format!("https://{}example.com/", "abcdefgh.".repeat(30));
    table.url("trick", &host, "host name", twin).await;
}

/// Names that lead inside wherever they are looked up.
async fn names(table: &mut Table) {
    let twin = "https://metadata.example.com/keys";
    for name in [
        "localhost",
        "localhost.localdomain",
        "foo.localhost",
        "ip6-localhost",
        "ip6-loopback",
        "localhost6",
        "metadata",
        "metadata.google.internal",
        "instance-data",
        "instance-data.ec2.internal",
        "metadata.internal",
        "kubernetes.default.svc.cluster.local",
        "vault.service.local",
        "printer.local",
        "router.lan",
        "nas.home",
        "gw.corp",
        "db.private",
        "intranet",
        "wiki.intranet",
        "1.0.0.127.in-addr.arpa",
        "host.home.arpa",
        "hidden.onion",
        "x.invalid",
        "host.docker.internal",
        "com",
        "a.alt",
    ] {
        table.url("a name of the inside", &format!("https://{name}/keys"), "inside", twin).await;
    }
    // Public names that lead where they say: judged by where that is.
    for (name, address, reason) in [
        ("127.0.0.1.nip.io", "127.0.0.1", "loopback"),
        ("169-254-169-254.sslip.io", "169.254.169.254", "metadata"),
        ("localtest.me", "127.0.0.1", "loopback"),
        ("7f000001.c0a80001.rbndr.us", "192.168.0.1", "private"),
        ("customer.internal.example.com", "10.1.2.3", "private"),
        ("spoofed.burpcollaborator.net", "127.0.0.1", "loopback"),
        ("v6.localtest.me", "::1", "loopback"),
        ("1u.ms", "169.254.169.254", "metadata"),
    ] {
        let url = format!("https://{name}/latest/meta-data/");
        let inside: IpAddr = address.parse().unwrap();
        let (observed, twin) = (table.outcome(&url, &[inside]).await, table.outcome(&url, &[PUBLIC]).await);
        table.section.row(format!("a public name that leads to {address}: {url}"), reason, observed, twin);
    }
}

/// Resolvers that answer one thing and mean another.
async fn resolvers(table: &mut Table) {
    let inside: IpAddr = "169.254.169.254".parse().unwrap();
    let loopback: IpAddr = "127.0.0.1".parse().unwrap();
    table.name("a public address first, then one inside", &[PUBLIC, inside], "metadata", PUBLIC).await;
    table.name("one inside first, then a public address", &[inside, PUBLIC], "metadata", PUBLIC).await;
    table
        .name(
            "a public IPv6 address, and an inside IPv4 address",
            &[PUBLIC_V6, loopback],
            "loopback",
            PUBLIC_V6,
        )
        .await;
    let mut many = vec![PUBLIC; 60];
    many.push(loopback);
    table.name("one inside behind sixty public addresses", &many, "loopback", PUBLIC).await;
    table.name("no address at all", &[], "no address", PUBLIC).await;
    // Rebinding between two fetches: each is judged by its own look-up.
    for inside in [loopback, inside, "10.0.0.1".parse().unwrap(), "::1".parse().unwrap()] {
        *table.names.turns.lock().unwrap() = vec![vec![PUBLIC], vec![inside]];
        let url = "https://rebind.example.com/keys";
        let (first, second) = (table.admit(url).await, table.admit(url).await);
        table.section.row(format!("rebinding to {inside} after a public address"), "leads to", second, first);
    }
}
