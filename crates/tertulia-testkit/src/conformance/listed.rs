//! The list of the cases.

/// Makes a test of each case: `conformance!(time, open)`.
///
/// `time` is a [`Time`](crate::conformance::Time); `open` names an `async fn(Limits) -> Subject` that opens a
/// new, empty store. A storage with fixed limits ignores those it is given. The tests stand in modules named
/// after the groups of cases, so the macro wants a module of its own.
#[macro_export]
macro_rules! conformance {
    ($time:expr, $open:path) => {
        $crate::conformance! {
            @list $time, $open;
            batch by threads {
                a_batch_applies_whole
                a_failed_expectation_leaves_nothing_behind
                a_batch_over_shards_applies_whole_or_not_at_all
                a_conflict_names_every_failed_expectation
                each_expectation_holds_when_it_should_and_only_then
                a_write_with_only_an_expectation_changes_nothing
                a_key_written_twice_is_invalid
                an_invalid_batch_leaves_nothing_behind
                a_delete_stands_alone
                a_queue_is_no_log_and_a_log_is_no_queue
                an_empty_batch_does_nothing
            }
            log by threads {
                a_base_makes_a_log
                an_entry_makes_a_log
                entries_are_dense_and_the_etag_moves_with_each_commit
                a_write_sets_the_base_then_appends_then_trims
                a_new_base_keeps_the_entries
                entry_bytes_counts_what_was_appended_since_the_base
                the_base_version_is_the_etags_when_it_was_set
                a_trim_is_clamped
                a_trim_or_a_deadline_does_not_move_the_etag
                only_a_base_or_an_entry_makes_a_log
                first_says_where_a_new_log_begins
                first_is_invalid_for_a_log_that_is_there_or_is_not_made
                first_has_a_limit
                a_deleted_log_is_absent
                a_log_made_again_is_another_incarnation
                an_empty_base_and_an_empty_entry_are_there
                the_head_names_the_commit_that_made_it
                any_bytes_come_back_as_they_were
                a_log_with_nothing_left_is_still_there
            }
            queue by threads {
                appends_take_the_next_offsets
                an_id_appended_again_is_seen
                a_seen_id_does_not_hinder_its_batch
                an_id_stays_seen_when_its_entry_is_removed
                an_id_twice_in_one_batch_is_appended_once
                ids_are_told_apart_by_queue_space_and_kind
                entries_without_an_id_are_never_seen
                removing_leaves_holes_and_offsets_go_on
                a_revision_is_the_commit_that_wrote_the_entry
                removing_does_not_move_the_etag
                replacing_what_moved_or_is_gone_conflicts
                removing_what_moved_or_is_gone_conflicts
                discarding_takes_an_entry_whatever_became_of_it_and_never_conflicts
                discarding_leaves_an_entry_of_another_birth
                a_birth_is_the_commit_that_appended_the_entry
                a_write_changes_only_what_was_there_before_it
                an_entry_changed_twice_in_a_batch_is_invalid
                a_queue_write_that_asks_for_nothing_does_nothing
                a_queue_keeps_any_bytes
            }
            read by threads {
                each_read_has_its_own_result_in_the_order_asked
                no_reads_give_no_results
                a_cursor_at_the_end_is_an_empty_page_and_past_it_is_invalid
                a_cursor_below_the_start_is_gone_and_told_where_it_begins
                a_cursor_of_another_incarnation_is_refused
                a_queues_cursor_skips_holes
                last_gives_the_last_entries_oldest_first
                a_page_holds_no_more_than_was_asked
                a_page_has_at_least_one_entry_if_there_is_any
                no_entries_are_given_to_who_wants_none
                the_base_is_given_when_wanted
                unless_spares_a_reader_the_base_it_has_and_no_other
                what_was_read_stays_as_it_was
                a_key_can_be_read_twice_in_one_call
            }
            list by threads {
                everything_is_listed_with_its_head
                pages_hold_each_key_once
                keys_that_stay_are_listed_once_while_others_come_and_go
                a_shard_can_be_listed
                a_source_can_be_listed
                names_can_be_listed_exactly_and_by_prefix
                what_is_empty_can_be_left_out
                wishes_are_met_together
                deleted_logs_are_not_listed
                a_cursor_that_was_not_given_is_invalid
                keys_that_look_alike_are_different
            }
            seen by timed {
                ids_are_given_whether_their_entries_are_there_or_gone
                a_page_of_ids_has_a_bound_and_none_is_given_twice
                ids_that_stay_are_given_once_while_others_are_appended
                an_id_handed_over_is_seen_and_has_no_entry
                an_id_handed_over_makes_a_queue_and_moves_none
                an_id_that_is_known_is_left_as_it_is
                an_id_is_handed_over_with_its_batch_or_not_at_all
                ids_handed_over_are_seen_when_opened_again
                an_id_handed_over_counts_for_the_time_it_has_left
                ids_are_forgotten_after_48_hours
                a_place_among_ids_that_was_not_given_is_invalid
            }
            changed by threads {
                a_change_already_made_is_told_at_once
                every_change_wakes_who_waits
                everybody_who_waits_is_woken
                no_change_is_missed_under_racing_writers
                two_who_answer_each_other_never_stand_still
                waiting_can_be_given_up_at_any_time
                calls_that_are_always_ready_starve_nobody
            }
            concurrency by threads {
                increments_by_compare_and_set_are_exact
                a_conflict_leaves_its_neighbours_alone
                one_of_many_makes_a_log
                concurrent_appends_get_different_offsets
                an_id_appended_by_many_at_once_is_appended_once
                a_read_is_one_view_of_its_shard
                batches_over_the_same_shards_do_not_block_each_other
                a_commit_given_up_is_whole_or_nothing
            }
            durable by threads {
                what_was_committed_is_there_when_opened_again
                ids_are_seen_when_opened_again
                offsets_go_on_when_opened_again
                deadlines_hold_when_opened_again
            }
            limits by limited {
                an_entry_has_a_limit
                a_base_has_a_limit
                a_batch_has_a_limit_in_bytes
                a_batch_has_a_limit_in_writes
                a_queue_has_a_limit_in_entries
                a_queue_has_a_limit_in_bytes
            }
            expiry by timed {
                expiry_wakes_who_waits
                an_expired_log_is_absent_for_every_method
                an_expired_log_is_not_revived
                an_expired_log_is_replaced_as_if_absent
                the_head_tells_the_time_left
                a_deadline_is_kept_by_other_writes
                a_deadline_can_be_removed_and_put_off
                a_deadline_moved_nearer_wakes_who_waits
                a_deadline_put_off_does_not_wake_as_expired
                a_log_is_there_until_its_deadline_and_not_at_it
                the_shortest_and_the_longest_deadline_are_in_order
                only_what_expires_expires
                an_id_is_seen_for_48_hours
                a_log_made_again_after_expiry_is_news
            }
            model by unhurried {
                random_work_agrees_with_a_plain_map
            }
        }
    };
    (@list $time:expr, $open:path; $($group:ident by $runner:ident { $($case:ident)* })*) => {
        $(
            mod $group {
                #[allow(unused_imports, reason = "`open` may be named by a path of its own")]
                use super::*;

                $(
                    #[test]
                    fn $case() {
                        $crate::conformance::$runner($time, $open, $crate::conformance::$group::$case);
                    }
                )*
            }
        )*
    };
}
