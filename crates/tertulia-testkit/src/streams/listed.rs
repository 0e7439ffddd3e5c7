//! The list of the cases.

/// Makes a test of each case in each mode: `streams!(time, open)`; `streams!(alone time, open)` those in memory alone.
///
/// `time` is a [`Time`](crate::conformance::Time); `open` names an `async fn(Limits) -> Subject` that opens a
/// new, empty store. The tests stand in modules named after the modes and the groups of cases, such as
/// `gated::forks::a_fork_goes_its_own_way`, so the macro wants a module of its own.
#[macro_export]
macro_rules! streams {
    (alone $time:expr, $open:path) => {
        mod alone {
            #[allow(unused_imports, reason = "`open` may be named by a path of its own")]
            use super::*;

            $crate::streams! { @cases $crate::streams::Mode::Alone, $time, $open; }
        }
    };
    ($time:expr, $open:path) => {
        mod gated {
            #[allow(unused_imports, reason = "`open` may be named by a path of its own")]
            use super::*;

            $crate::streams! { @cases $crate::streams::Mode::Gated, $time, $open;
                processes by threads {
                    two_processes_lose_nothing
                    a_reader_sees_what_another_process_wrote
                    g12_streams_go_on_when_the_storage_is_opened_again
                }
                random by timed {
                    what_writers_said_is_there
                    what_writers_said_is_there_though_calls_fail
                    the_last_attempt_is_what_is_read
                    the_last_attempt_is_what_is_read_though_calls_fail
                }
                faults by threads {
                    a_deadline_that_moves_hides_nothing
                    what_is_stored_is_answered_when_the_stream_has_left_memory
                    what_is_stored_is_not_appended_again
                    a_delete_that_fails_loses_nothing
                    what_is_read_back_while_an_attempt_begins_is_not_what_it_supersedes
                    the_smallest_bounds_hold
                    an_attempt_goes_on_beside_others
                    an_attempt_begins_though_another_process_ended_the_stream
                    a_signal_to_stop_is_not_lost_to_another_process
                    a_deletion_is_not_lost_to_another_process
                    a_process_that_reads_is_bounded_in_memory
                }
            }
        }

        mod live {
            #[allow(unused_imports, reason = "`open` may be named by a path of its own")]
            use super::*;

            $crate::streams! { @cases $crate::streams::Mode::Live, $time, $open;
                processes by threads {
                    a_reader_sees_what_another_process_wrote
                    g12_streams_go_on_when_the_storage_is_opened_again
                }
                random by timed {
                    the_last_attempt_is_what_is_read
                    the_last_attempt_is_what_is_read_though_calls_fail
                }
                faults by threads {
                    a_deadline_that_moves_hides_nothing
                    what_is_stored_is_answered_when_the_stream_has_left_memory
                    what_is_read_back_while_an_attempt_begins_is_not_what_it_supersedes
                    the_smallest_bounds_hold
                    an_attempt_goes_on_beside_others
                    an_attempt_begins_though_another_process_ended_the_stream
                    a_signal_to_stop_is_not_lost_to_another_process
                    a_deletion_is_not_lost_to_another_process
                    a_process_that_reads_is_bounded_in_memory
                    what_was_shown_and_is_lost_is_told
                    what_cannot_be_stored_is_bounded
                }
            }
        }
    };
    (@cases $mode:expr, $time:expr, $open:path; $($more:tt)*) => {
        $crate::streams! { @groups $mode, $time, $open;
            appending by threads {
                g1_a_reader_resumes_exactly_where_it_was
                what_is_appended_together_is_read_together
                a_page_is_bounded_in_entries_and_bytes
                entries_are_bytes
                json_messages_are_joined_by_commas
                g5_a_closed_stream_takes_nothing_and_can_be_read
                a_stream_may_be_made_closed
                g11_readers_share_what_they_read
                a_stream_is_made_once
                streams_are_listed_by_conversation
                events_of_a_message_are_appended_and_read
            }
            producers by threads {
                g6_a_request_given_again_is_taken_once
                a_request_given_by_many_at_once_is_taken_once
                a_sequence_has_to_grow
            }
            following by threads {
                g2_no_wake_up_is_lost
                g4_every_reader_sees_the_last_event_and_the_end
                a_reader_is_woken_by_another_process
                a_reader_may_begin_at_the_end
                g8_a_reader_that_does_not_read_costs_nothing
            }
            following by timed {
                g4_a_stream_whose_producer_died_is_aborted
            }
            places by threads {
                g16_a_cursor_is_good_for_one_stream
                a_place_beyond_the_end_is_told
                unknown_and_empty_are_told_apart
                g9_a_long_stream_is_bounded_in_memory
                g9_closed_streams_leave_first
            }
            attempts by threads {
                a_later_attempt_supersedes_the_one_before
                an_attempt_begins_where_the_first_one_began
                readers_end_with_the_last_attempt
            }
            stopping by threads {
                g7_a_producer_is_told_to_stop
                g7_a_signal_that_comes_first_is_remembered
                g7_a_reader_that_goes_stops_nothing
            }
            expiry by timed {
                g10_an_idle_stream_is_gone
                g10_use_keeps_a_stream
                an_absolute_deadline_does_not_move
            }
            forks by threads {
                a_fork_goes_its_own_way
                forks_are_forked_and_entries_divided
                a_fork_of_a_closed_stream_is_open
                a_long_stream_is_forked_whole
            }
            deletion by threads {
                a_deleted_stream_is_gone_for_everybody
                a_source_is_kept_for_its_forks
            }
            $($more)*
        }
    };
    (@groups $mode:expr, $time:expr, $open:path;
        $($group:ident by $runner:ident { $($case:ident)* })*) => {
        $($(
            #[test]
            fn $case() {
                $crate::streams::$runner($mode, $time, $open, $crate::streams::$group::$case);
            }
        )*)*
    };
}
