//! Large pages for large buffers.

/// Asks for large pages where the system gives them on request only. Walking through hundreds of megabytes of
/// weights otherwise misses the address cache at every 4 KiB. A refusal changes nothing.
pub(crate) fn advise_huge(buffer: &[f32]) {
    #[cfg(target_os = "linux")]
    {
        use std::ffi::{c_int, c_void};
        unsafe extern "C" {
            fn madvise(addr: *mut c_void, length: usize, advice: c_int) -> c_int;
        }
        const HUGE: usize = 2 << 20;
        const MADV_HUGEPAGE: c_int = 14;
        let start = buffer.as_ptr() as usize;
        let first = start.next_multiple_of(HUGE);
        let end = (start + size_of_val(buffer)) / HUGE * HUGE;
        if end > first {
            // SAFETY: the range lies inside the buffer and begins on a page; the advice changes how memory is
            // backed, never what it holds.
            unsafe { madvise(first as *mut c_void, end - first, MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = buffer;
}
