//! The common form of TLS's one-byte registries: a number on the wire and a name in the RFC. The
//! macro declares an enum that keeps unknown numbers, so that everything that a library sends can
//! be shown.

/// Declares a registry: an enum with one variant for each known byte, and `Unknown(u8)` for the
/// others.
macro_rules! registry {
    (
        $(#[$meta:meta])*
        $name:ident { $($variant:ident = $code:literal $text:literal,)+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`, ", stringify!($code), " on the wire.")] $variant,)+
            /// A number that the registry does not name.
            Unknown(u8),
        }

        impl $name {
            /// The number on the wire.
            #[must_use]
            pub(crate) const fn code(self) -> u8 {
                match self {
                    $(Self::$variant => $code,)+
                    Self::Unknown(code) => code,
                }
            }

            /// The RFC's name; `None` for a number that the registry does not name.
            #[must_use]
            pub(crate) const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($text),)+
                    Self::Unknown(_) => None,
                }
            }
        }

        impl $name {
            /// Parses the displayed form.
            #[must_use]
            pub(crate) fn displayed(text: &str) -> Option<Self> {
                let number = || text.strip_prefix("unknown(")?.strip_suffix(')')?.parse().ok();
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => number().map(Self::Unknown),
                }
            }
        }

        impl From<u8> for $name {
            fn from(code: u8) -> Self {
                match code {
                    $($code => Self::$variant,)+
                    other => Self::Unknown(other),
                }
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let what = stringify!($name);
                Self::displayed(&text).ok_or_else(|| format!("{text} is no {what}"))
            }
        }

        /// The RFC's name, or `unknown(NUMBER)`.
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "unknown({})", self.code()),
                }
            }
        }
    };
}

pub(super) use registry;
