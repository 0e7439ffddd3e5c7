//! The list of the cases.

/// Makes a test of each case in each write mode it holds in: `sessions!(time, open)`.
///
/// `time` is a [`Time`](crate::conformance::Time); `open` names an `async fn(Limits) -> Subject` that opens a
/// new, empty store. The tests stand in modules named after the modes and the groups of cases, such as
/// `transactional::deletion::a_stored_session_is_deleted_once`, so the macro wants a module of its own.
#[macro_export]
macro_rules! sessions {
    ($time:expr, $open:path) => {
        $crate::sessions! {
            @modes $time, $open;
            [
                styles by threads {
                    every_change_of_a_list_is_written_once
                    every_change_of_a_map_is_written_once
                    every_change_of_a_field_is_written_once
                    what_is_set_back_is_not_written
                    what_is_changed_back_in_place_is_not_written
                    a_set_is_stored_whatever_its_order
                }
                reads by threads {
                    no_way_to_read_writes_anything
                    a_session_that_is_only_read_is_not_made
                }
                logs by threads {
                    every_change_of_a_log_is_written_once
                    a_log_that_is_changed_back_is_not_written
                    a_log_that_is_dropped_is_deleted
                    a_window_costs_its_own_bytes
                    the_end_is_loaded_first_and_the_rest_when_asked
                    a_copy_of_a_log_that_is_half_loaded_is_refused
                }
                undone by threads {
                    a_guard_that_is_discarded_changes_nothing
                    a_guard_that_is_dropped_changes_nothing_and_is_counted
                    what_was_changed_since_the_last_save_is_forgotten
                    an_update_that_fails_changes_nothing
                    a_panic_changes_nothing
                    a_value_over_its_limit_changes_nothing
                }
                deletion by threads {
                    a_stored_session_is_deleted_once
                    a_guard_deletes_its_session
                    a_session_that_is_not_there_is_not_deleted
                    a_session_made_after_a_delete_is_a_new_one
                    only_what_is_meant_is_deleted
                }
                migrations by threads {
                    every_step_runs_once_and_in_order
                    a_migrated_session_is_stored_with_its_next_change
                    what_is_newer_is_refused_and_left_as_it_is
                    a_step_that_fails_leaves_what_is_stored
                    items_of_a_log_are_migrated_once
                }
                expiry by timed {
                    an_absolute_deadline_is_not_moved_by_use
                    a_session_past_its_absolute_deadline_is_gone
                    a_sliding_deadline_is_moved_by_every_use
                    a_sliding_session_that_is_not_used_is_gone
                    deadlines_are_kept_to_the_millisecond
                    a_guard_past_an_absolute_deadline_is_refused
                    a_deadline_is_given_and_taken_back
                }
                writers by threads {
                    the_second_of_two_guards_gets_a_conflict
                    a_guard_has_what_another_saved
                    a_change_that_is_refused_is_not_seen_any_more
                    a_guard_of_a_deleted_session_does_not_bring_it_back
                }
                tasks by threads {
                    tasks_of_one_process_lose_no_increment
                    guards_that_overlap_have_what_was_saved
                }
                several by threads {
                    whole_values_of_two_types_are_written_in_one_batch
                    where_one_cannot_be_written_neither_is
                    where_one_was_written_by_others_both_are_written_again
                }
                restart by threads {
                    sessions_go_on_when_the_storage_is_opened_again
                }
            ] [
                processes by threads {
                    two_processes_lose_no_increment
                    a_reader_sees_what_another_wrote
                }
            ]
        }
    };
    (@modes $time:expr, $open:path; $both:tt $transactional:tt) => {
        mod transactional {
            #[allow(unused_imports, reason = "`open` may be named by a path of its own")]
            use super::*;

            $crate::sessions! { @groups $crate::sessions::WriteMode::Transactional, $time, $open; $both }
            $crate::sessions! { @groups $crate::sessions::WriteMode::Transactional, $time, $open; $transactional }
        }

        mod fire_and_forget {
            #[allow(unused_imports, reason = "`open` may be named by a path of its own")]
            use super::*;

            $crate::sessions! { @groups $crate::sessions::WriteMode::FIRE_AND_FORGET, $time, $open; $both }
        }
    };
    (@groups $mode:expr, $time:expr, $open:path;
        [$($group:ident by $runner:ident { $($case:ident)* })*]) => {
        $(
            mod $group {
                #[allow(unused_imports, reason = "`open` may be named by a path of its own")]
                use super::*;

                $(
                    #[test]
                    fn $case() {
                        $crate::sessions::$runner($mode, $time, $open, $crate::sessions::$group::$case);
                    }
                )*
            }
        )*
    };
}
