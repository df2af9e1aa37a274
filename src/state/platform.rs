//! The machines that images are for: `os/architecture/variant`.

use std::fmt;

/// A system and a processor, in the names that registries use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
    /// Empty for the usual one.
    pub variant: String,
}

impl Platform {
    /// Gives parts their usual names, as containerd does.
    #[must_use]
    pub fn new(os: &str, architecture: &str, variant: &str) -> Self {
        let (os, architecture) = (os.to_lowercase(), architecture.to_lowercase());
        let variant = variant.to_lowercase();
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("i386", _) => ("386", ""),
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", "8" | "v8") => ("arm64", ""),
            ("aarch64", variant) => ("arm64", variant),
            ("armhf", _) => ("arm", "v7"),
            ("armel", _) => ("arm", "v6"),
            ("arm", "" | "7") => ("arm", "v7"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "6") => ("arm", "v6"),
            ("arm", "8") => ("arm", "v8"),
            (architecture, variant) => (architecture, variant),
        };
        let os = if os == "macos" { "darwin".to_owned() } else { os };
        Self { os, architecture: architecture.to_owned(), variant: variant.to_owned() }
    }

    /// Whether it is the one that `text` names. One word is an architecture or a system, and the rest
    /// is as it may be.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        let parts: Vec<&str> = text.split('/').collect();
        match parts[..] {
            [os, architecture] => *self == Self::new(os, architecture, ""),
            [os, architecture, variant] => *self == Self::new(os, architecture, variant),
            _ => {
                let of_system = Self::new(text, "", "");
                let of_processor = Self::new("", text, "");
                self.os == of_system.os
                    || (&self.architecture, &self.variant)
                        == (&of_processor.architecture, &of_processor.variant)
            }
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.os, &self.architecture, &self.variant].map(String::as_str);
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        out.write_str(&parts.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_machines() {
        let table = [
            ("linux/amd64", "linux/amd64", true),
            ("linux/amd64", "linux/x86_64", true),
            ("linux/amd64", "amd64", true),
            ("linux/amd64", "linux", true),
            ("linux/amd64", "windows", false),
            ("linux/amd64", "linux/arm64", false),
            ("linux/amd64", "linux/amd64/v2", false),
            ("linux/arm64/v8", "linux/arm64", true),
            ("linux/arm64", "linux/aarch64/v8", true),
            ("linux/arm/v7", "linux/arm", true),
            ("linux/arm/v7", "linux/armhf", true),
            ("linux/arm/v6", "linux/arm", false),
            ("linux/386", "i386", true),
        ];
        for (image, wanted, is) in table {
            let parts: Vec<&str> = image.split('/').collect();
            let variant = parts.get(2).copied().unwrap_or("");
            let platform = Platform::new(parts[0], parts[1], variant);
            assert_eq!(platform.is(wanted), is, "{image} for {wanted}");
        }
        assert_eq!(Platform::new("Linux", "aarch64", "v8").to_string(), "linux/arm64");
    }
}
