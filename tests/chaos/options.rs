//! The command line. `cargo xtask chaos --help` explains it.

#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    pub kills: usize,
    pub database_kills: usize,
    pub seed: u64,
    pub json: bool,
}

impl Options {
    pub fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { kills: 100, database_kills: 40, seed: 1, json: false };
        while let Some(name) = arguments.next() {
            if name == "--json" {
                options.json = true;
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            let number: u64 = value.parse().map_err(|_| format!("{name} needs a number, not {value}"))?;
            let count = usize::try_from(number).map_err(|_| format!("{name}: too many"))?;
            match name.as_str() {
                "--kills" => options.kills = count,
                "--database-kills" => options.database_kills = count,
                "--seed" => options.seed = number,
                _ => return Err(format!("there is no option {name}")),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Options, String> {
        Options::read(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read_and_mistakes_named() {
        let wanted = Options { kills: 6, database_kills: 3, seed: 9, json: true };
        assert_eq!(read("--kills 6 --json --database-kills 3 --seed 9"), Ok(wanted));
        assert!(read("--kills six").unwrap_err().contains("six"));
        assert!(read("--kils 6").unwrap_err().contains("--kils"));
        assert!(read("--seed").unwrap_err().contains("--seed"));
    }
}
