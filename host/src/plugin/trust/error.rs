//! Why a plugin is not trusted, each reason with words of its own.

use crate::config::{BindingName, PluginName};

/// Why a plugin is not taken. Messages go on after «the plugin `x`».
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TrustError {
    /// No signature.
    #[error(
        "it is not signed: there is no `.minisig` file beside it\nhint: ask its publisher for the signature; for a plugin of your own, toolward plugin sign; for development, --allow-unsigned"
    )]
    Unsigned,
    /// The `.minisig` file is none.
    #[error("its `.minisig` file is not a minisign signature: {0}")]
    Signature(String),
    /// Nobody whom the configuration knows.
    #[error(
        "it is signed with the key {key}, which is no publisher's\nhint: if you trust the owner of that key, add it to publishers.NAME.keys"
    )]
    UnknownKey {
        /// The key's id.
        key: String,
    },
    /// On the revocation list.
    #[error("it is signed with the key {key}, which is revoked (trust.revoked)")]
    RevokedKey {
        /// The key's id.
        key: String,
    },
    /// On the revocation list.
    #[error("the component sha256:{digest} is revoked (trust.revoked)")]
    RevokedComponent {
        /// Its digest.
        digest: String,
    },
    /// Before `from`.
    #[error("it is signed with the key {key} of publisher `{publisher}`, which does not count yet")]
    NotYet {
        /// The publisher.
        publisher: String,
        /// The key's id.
        key: String,
    },
    /// After `until`.
    #[error(
        "it is signed with the key {key} of publisher `{publisher}`, which has expired on {until}\nhint: ask the publisher for a signature with a key that counts"
    )]
    Expired {
        /// The publisher.
        publisher: String,
        /// The key's id.
        key: String,
        /// When.
        until: String,
    },
    /// The manifest is not the one that was signed.
    #[error("its manifest was altered after it was signed")]
    AlteredManifest,
    /// Something else than the manifest is not what was signed.
    #[error("its component was altered after it was signed")]
    AlteredComponent,
    /// The bytes are not those that were signed.
    #[error("it was altered after it was signed")]
    Altered,
    /// The signature is for another plugin or version.
    #[error("the signature beside it is for {claimed}, and it is {found}")]
    Another {
        /// Whom the signature names.
        claimed: String,
        /// What the manifest says.
        found: String,
    },
    /// The signature names nothing.
    #[error(
        "its signature does not say which plugin and version it is for, so it could stand beside any\nhint: sign it with toolward plugin sign, or minisign -S -t 'name:{name} version:{version}'"
    )]
    Nameless {
        /// The manifest's name.
        name: PluginName,
        /// The manifest's version.
        version: semver::Version,
    },
    /// A good signature of somebody who may not publish that name.
    #[error(
        "it is signed by publisher `{publisher}`, who may not publish plugins called `{plugin}`\nhint: if that is who publishes it, add \"{plugin}\" to publishers.{publisher}.plugins"
    )]
    NotTheirs {
        /// The publisher.
        publisher: String,
        /// The plugin.
        plugin: PluginName,
    },
    /// More than the publisher's plugins may be granted.
    #[error(
        "it is granted \"{grant}\", more than plugins of publisher `{publisher}` may ever be granted (publishers.{publisher}.max-grant)"
    )]
    OverGranted {
        /// The publisher.
        publisher: String,
        /// The grant's word.
        grant: &'static str,
    },
    /// A binding that the publisher's plugins may not have.
    #[error(
        "it is bound to `{binding}`, which plugins of publisher `{publisher}` may never have (publishers.{publisher}.max-bindings)"
    )]
    OverBound {
        /// The publisher.
        publisher: String,
        /// The binding.
        binding: BindingName,
    },
    /// An older version than one that was served.
    #[error(
        "its version {version} is older than {highest}, which was served before\nhint: if you want the older one, toolward plugin rollback {plugin}"
    )]
    Downgrade {
        /// The plugin.
        plugin: PluginName,
        /// Its version.
        version: semver::Version,
        /// The newest that was served.
        highest: semver::Version,
    },
    /// Other bytes than those in the lock file.
    #[error(
        "it is not the component that toolward.lock names (version {locked}): it was replaced after it was installed\nhint: toolward plugin install, with the file that you want"
    )]
    NotLocked {
        /// The plugin.
        plugin: PluginName,
        /// The version that was installed.
        locked: semver::Version,
    },
}
