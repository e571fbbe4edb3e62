//! The export `tools`, written by hand for its size; see [`lower`](super::lower).

#![expect(unsafe_code, reason = "what the host calls takes and gives addresses")]

use std::sync::{Mutex, PoisonError};

use super::bindings::toolward::plugin::call;
use super::layout::Entries;
use super::lower::{Bytes, Lent, Lower, Place, larger, record, up, variant};
use super::{Offers, context, values};
use crate::ask::Questions;
use crate::context::Context;
use crate::error::{Failure, RequestError, ToolError};
use crate::job::NewJob;
use crate::meta::{Freshness, Icon};
use crate::output::Output;
use crate::plugin::Plugin;
use crate::suspend::Suspended;
use crate::tool::{JobSupport, Offered};

/// The export `list-tools`.
///
/// # Safety
///
/// Only the host calls this, with a handle that it lends.
#[must_use]
pub unsafe fn list_tools<T: Offers>(cx: u32) -> *const u8 {
    // SAFETY: as for this function.
    let cx = unsafe { received(cx) };
    list(context(&cx), T::plugin())
}

/// The export `call-tool`.
///
/// # Safety
///
/// Only the host calls this, with a handle that it lends and two texts that it made with `cabi_realloc`.
#[must_use]
#[expect(
    clippy::same_length_and_capacity,
    reason = "the host allocates what it writes, and no more"
)]
pub unsafe fn call_tool<T: Offers>(
    cx: u32,
    name: *mut u8,
    name_length: usize,
    arguments: *mut u8,
    arguments_length: usize,
) -> *const u8 {
    // SAFETY: as for this function.
    let (cx, name, arguments) = unsafe {
        (
            received(cx),
            String::from_raw_parts(name, name_length, name_length),
            String::from_raw_parts(arguments, arguments_length, arguments_length),
        )
    };
    call(context(&cx), T::plugin(), &name, &arguments)
}

/// What a component needs before its first line runs, and the context.
unsafe fn received(cx: u32) -> call::Context {
    wit_bindgen::rt::run_ctors_once();
    wit_bindgen::rt::maybe_link_cabi_realloc();
    // SAFETY: the host lends the handle for this call.
    unsafe { call::Context::from_handle(cx) }
}

fn list(cx: &Context, plugin: &Plugin) -> *const u8 {
    keep(Kept::Tools(plugin.offered(cx), plugin.freshness()))
}

fn call(cx: &Context, plugin: &Plugin, name: &str, arguments: &str) -> *const u8 {
    keep(Kept::Call(plugin.call(cx, name, arguments)))
}

/// How a call of one of the exports ended.
enum Kept {
    Tools(Vec<Offered>, Option<Freshness>),
    Call(Result<Output, Failure>),
}

/// What the host is reading.
static KEPT: Mutex<Option<(Kept, Lent)>> = Mutex::new(None);

/// Writes a result where the host can read it. It stays there until [`returned`].
fn keep(kept: Kept) -> *const u8 {
    let mut lent = Lent::default();
    let root = match &kept {
        Kept::Tools(tools, freshness) => {
            let listing = Listing {
                tools,
                freshness: *freshness,
            };
            lent.root::<Result<_, Failed<'_>>>(&Ok(listing))
        }
        Kept::Call(result) => lent.root(&match result {
            Ok(output) => Ok(Outcome::Done(output)),
            Err(Failure::Suspended(suspended)) => Ok(Outcome::Suspended(suspended)),
            Err(Failure::Tool(error)) => Err(Failed::Tool(error)),
            Err(Failure::Request(error)) => Err(Failed::Request(error)),
            Err(Failure::Cancelled) => Err(Failed::Cancelled),
        }),
    };
    *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = Some((kept, lent));
    root
}

/// The host has read the result.
pub fn returned() {
    drop(KEPT.lock().unwrap_or_else(PoisonError::into_inner).take());
}

struct Listing<'k> {
    tools: &'k [Offered],
    freshness: Option<Freshness>,
}

enum Outcome<'k> {
    Done(&'k Output),
    Suspended(&'k Suspended),
}

enum Failed<'k> {
    Tool(&'k ToolError),
    Request(&'k RequestError),
    Cancelled,
}

record!(Listing<'_> as listing:
    &[Offered] = listing.tools,
    Option<&Freshness> = listing.freshness.as_ref(),
);

record!(Offered as tool:
    &str = tool.name,
    Option<&str> = tool.title,
    &str = tool.description,
    &str = &tool.input_schema,
    Option<&str> = tool.output_schema.as_deref(),
    (Option<bool>, Option<bool>, Option<bool>, Option<bool>) = (
        tool.hints.read_only,
        tool.hints.destructive,
        tool.hints.idempotent,
        tool.hints.open_world,
    ),
    &JobSupport = &tool.jobs,
    &[Icon] = &tool.icons,
    Entries<'_> = &tool.meta.0,
    Entries<'_> = &[],
);

variant!(JobSupport:
    0 Self::Never => () = (),
    1 Self::Optional => () = (),
    2 Self::Required => () = (),
);

impl Lower for Outcome<'_> {
    const SIZE: usize = up(
        up(1, Self::ALIGN) + larger(Output::SIZE, larger(Questions::SIZE, NewJob::SIZE)),
        Self::ALIGN,
    );
    const ALIGN: usize = larger(Output::ALIGN, larger(Questions::ALIGN, NewJob::ALIGN));

    fn lower(&self, to: Place, lent: &mut Lent) {
        let payload = to.at(up(1, Self::ALIGN));
        match self {
            Self::Done(output) => output.lower(payload, lent),
            Self::Suspended(suspended) => suspended.lower(to, payload, lent),
        }
    }
}

record!(NewJob as job:
    Bytes<'_> = Bytes(&job.state.bytes),
    u32 = job.state.format,
    &str = &job.title,
    u32 = values::millis(job.wait),
    Entries<'_> = &[],
);

variant!(Failed<'_>:
    0 Self::Tool(error) => &ToolError = error,
    1 Self::Request(error) => &RequestError = error,
    2 Self::Cancelled => () = (),
);

/// Where wit-bindgen's macro for the whole export, which also describes the interface, looks for the functions.
pub mod exports {
    pub mod toolward {
        pub mod plugin {
            pub mod tools {
                pub use crate::__export_tools as __export_toolward_plugin_tools_0_1_0_cabi;
            }
        }
    }
}

/// The functions of the export.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_tools {
    ($kind:ident with_types_in $($path:tt)*) => {
        const _: () = {
            #[unsafe(export_name = "toolward:plugin/tools@0.1.0#list-tools")]
            unsafe extern "C" fn list_tools(cx: u32) -> *const u8 {
                unsafe { $crate::__private::tools::list_tools::<$kind>(cx) }
            }

            #[unsafe(export_name = "toolward:plugin/tools@0.1.0#call-tool")]
            unsafe extern "C" fn call_tool(
                cx: u32,
                name: *mut u8,
                name_length: usize,
                arguments: *mut u8,
                arguments_length: usize,
            ) -> *const u8 {
                unsafe {
                    $crate::__private::tools::call_tool::<$kind>(
                        cx,
                        name,
                        name_length,
                        arguments,
                        arguments_length,
                    )
                }
            }

            #[unsafe(export_name = "cabi_post_toolward:plugin/tools@0.1.0#list-tools")]
            unsafe extern "C" fn listed(_: *const u8) {
                $crate::__private::tools::returned();
            }

            #[unsafe(export_name = "cabi_post_toolward:plugin/tools@0.1.0#call-tool")]
            unsafe extern "C" fn called(_: *const u8) {
                $crate::__private::tools::returned();
            }
        };
    };
}

/// Exports the tools of a type that [`Offers`] them.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_all_tools {
    ($kind:ident) => {
        $crate::__private::bindings::tools::export!(
            $kind with_types_in $crate::__private::tools
        );
    };
}
