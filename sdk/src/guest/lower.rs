//! Values as the host reads them in the component's memory: the layout of the component model's canonical ABI.
//!
//! For the export `tools`, which nearly every plugin has, this stands in place of what wit-bindgen makes. That moves the
//! SDK's value into types of its own and these into memory, and has the code for a piece of content in every place where
//! there may be one: a quarter of a small plugin. Here each type is written in one function, and texts and bytes stay where
//! they are until the host has read them.
//!
//! The layout: a field begins at a multiple of its alignment; a variant is a byte that says which, then the payload; a text
//! or a list is where it is and how long.

#![expect(
    unsafe_code,
    reason = "memory that the host reads is written by address"
)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::process::abort;

/// What can be written.
pub(crate) trait Lower {
    const SIZE: usize;
    const ALIGN: usize;
    /// Writes it to its place, and what it points to elsewhere.
    fn lower(&self, to: Place, lent: &mut Lent);
}

/// A place in memory that is large enough for what is written there.
#[derive(Clone, Copy)]
pub(crate) struct Place(*mut u8);

impl Place {
    pub(crate) fn at(self, offset: usize) -> Self {
        // SAFETY: whoever asks for a part of a value stays inside of it.
        Self(unsafe { self.0.add(offset) })
    }

    fn write<T>(self, value: T) {
        // SAFETY: the place is as large as its value, and aligned for it; nobody else looks at it before the call returns.
        unsafe { self.0.cast::<T>().write(value) }
    }

    pub(crate) fn case(self, number: u8) {
        self.write(number);
    }
}

/// What the host may read after a call has returned, until it says that it has.
#[derive(Default)]
pub(crate) struct Lent(Vec<Area>);

impl Lent {
    /// Makes a value, and says where it is.
    pub(crate) fn root<T: Lower>(&mut self, value: &T) -> *const u8 {
        let place = self.area(T::SIZE, T::ALIGN);
        value.lower(place, self);
        place.0
    }

    #[inline(never)]
    fn area(&mut self, size: usize, align: usize) -> Place {
        let Ok(layout) = Layout::from_size_align(size, align) else {
            abort()
        };
        if size == 0 {
            return Place(layout.dangling_ptr().as_ptr());
        }
        // SAFETY: it has a size.
        let start = unsafe { alloc_zeroed(layout) };
        if start.is_null() {
            handle_alloc_error(layout);
        }
        self.0.push(Area { start, layout });
        Place(start)
    }
}

struct Area {
    start: *mut u8,
    layout: Layout,
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: it was allocated like this, and has one owner.
        unsafe { dealloc(self.start, self.layout) }
    }
}

// SAFETY: a component has one thread.
unsafe impl Send for Area {}

pub(crate) const fn up(offset: usize, align: usize) -> usize {
    offset.next_multiple_of(align)
}

pub(crate) const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

macro_rules! plain {
    ($($kind:ty),+) => {
        $(impl Lower for $kind {
            const SIZE: usize = size_of::<Self>();
            const ALIGN: usize = align_of::<Self>();

            fn lower(&self, to: Place, _: &mut Lent) {
                to.write(*self);
            }
        })+
    };
}

plain!(u8, bool, u32, u64, f64);

impl Lower for str {
    const SIZE: usize = size_of::<[usize; 2]>();
    const ALIGN: usize = align_of::<usize>();

    fn lower(&self, to: Place, _: &mut Lent) {
        to.write([self.as_ptr().addr(), self.len()]);
    }
}

impl Lower for String {
    const SIZE: usize = str::SIZE;
    const ALIGN: usize = str::ALIGN;

    fn lower(&self, to: Place, lent: &mut Lent) {
        self.as_str().lower(to, lent);
    }
}

/// Bytes, which need not be written anew as other lists are.
pub(crate) struct Bytes<'b>(pub(crate) &'b [u8]);

impl Lower for Bytes<'_> {
    const SIZE: usize = str::SIZE;
    const ALIGN: usize = str::ALIGN;

    fn lower(&self, to: Place, _: &mut Lent) {
        to.write([self.0.as_ptr().addr(), self.0.len()]);
    }
}

impl<T: Lower> Lower for [T] {
    const SIZE: usize = str::SIZE;
    const ALIGN: usize = str::ALIGN;

    #[inline(never)]
    fn lower(&self, to: Place, lent: &mut Lent) {
        let items = lent.area(self.len().saturating_mul(T::SIZE), T::ALIGN);
        to.write([items.0.addr(), self.len()]);
        let mut at = items;
        for item in self {
            item.lower(at, lent);
            at = at.at(T::SIZE);
        }
    }
}

impl<T: Lower + ?Sized> Lower for &T {
    const SIZE: usize = T::SIZE;
    const ALIGN: usize = T::ALIGN;

    fn lower(&self, to: Place, lent: &mut Lent) {
        T::lower(self, to, lent);
    }
}

// The first byte is 0 from the start.
impl<T: Lower> Lower for Option<T> {
    const SIZE: usize = up(up(1, T::ALIGN) + T::SIZE, T::ALIGN);
    const ALIGN: usize = T::ALIGN;

    fn lower(&self, to: Place, lent: &mut Lent) {
        if let Some(value) = self {
            to.case(1);
            value.lower(to.at(up(1, T::ALIGN)), lent);
        }
    }
}

impl<T: Lower, E: Lower> Lower for Result<T, E> {
    const SIZE: usize = up(up(1, Self::ALIGN) + larger(T::SIZE, E::SIZE), Self::ALIGN);
    const ALIGN: usize = larger(T::ALIGN, E::ALIGN);

    fn lower(&self, to: Place, lent: &mut Lent) {
        let payload = to.at(up(1, Self::ALIGN));
        match self {
            Ok(value) => value.lower(payload, lent),
            Err(error) => {
                to.case(1);
                error.lower(payload, lent);
            }
        }
    }
}

macro_rules! tuple {
    ($($kind:ident $at:tt),+) => {
        impl<$($kind: Lower),+> Lower for ($($kind,)+) {
            const SIZE: usize = {
                let mut end = 0;
                $(end = up(end, $kind::ALIGN) + $kind::SIZE;)+
                up(end, Self::ALIGN)
            };
            const ALIGN: usize = {
                let mut align = 1;
                $(align = larger(align, $kind::ALIGN);)+
                align
            };

            fn lower(&self, to: Place, lent: &mut Lent) {
                let mut end = 0;
                $(
                    end = up(end, $kind::ALIGN);
                    self.$at.lower(to.at(end), lent);
                    end += $kind::SIZE;
                )+
            }
        }
    };
}

tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);

/// Writes a type as the fields of a record, in their order.
macro_rules! record {
    ($kind:ty as $it:ident: $($field:ty = $value:expr),+ $(,)?) => {
        impl $crate::guest::lower::Lower for $kind {
            const SIZE: usize = <($($field,)+)>::SIZE;
            const ALIGN: usize = <($($field,)+)>::ALIGN;

            #[inline(never)]
            fn lower(&self, to: $crate::guest::lower::Place, lent: &mut $crate::guest::lower::Lent) {
                let $it = self;
                let fields: ($($field,)+) = ($($value,)+);
                fields.lower(to, lent);
            }
        }
    };
}

/// Writes a type as a variant: the number of the case, then what it holds. `()` is for cases that hold nothing.
macro_rules! variant {
    ($kind:ty: $($number:literal $case:pat => $payload:ty = $value:expr),+ $(,)?) => {
        impl $crate::guest::lower::Lower for $kind {
            const SIZE: usize = {
                let mut size = 0;
                $(size = $crate::guest::lower::larger(size, <$payload>::SIZE);)+
                $crate::guest::lower::up($crate::guest::lower::up(1, Self::ALIGN) + size, Self::ALIGN)
            };
            const ALIGN: usize = {
                let mut align = 1;
                $(align = $crate::guest::lower::larger(align, <$payload>::ALIGN);)+
                align
            };

            #[inline(never)]
            fn lower(&self, to: $crate::guest::lower::Place, lent: &mut $crate::guest::lower::Lent) {
                let payload = to.at($crate::guest::lower::up(1, Self::ALIGN));
                match self {
                    $($case => {
                        to.case($number);
                        let value: $payload = $value;
                        value.lower(payload, lent);
                    })+
                }
            }
        }
    };
}

pub(crate) use {record, variant};

impl Lower for () {
    const SIZE: usize = 0;
    const ALIGN: usize = 1;

    fn lower(&self, _: Place, _: &mut Lent) {}
}
