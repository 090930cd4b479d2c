/* cmd: the commands of `tasuki`. Each gets what follows its name on the command
 * line, and returns an exit code of ops/cli/conn.h. */
#ifndef CLI_CMD_H
#define CLI_CMD_H

int cmd_status(int argc, char *const argv[]);
int cmd_account_add(int argc, char *const argv[]);
int cmd_account_factor(int argc, char *const argv[]);
int cmd_staff_add(int argc, char *const argv[]);
int cmd_staff_list(int argc, char *const argv[]);
int cmd_staff_change(int argc, char *const argv[]);
int cmd_rp_add(int argc, char *const argv[]);
int cmd_rp_import(int argc, char *const argv[]);
int cmd_rp_export(int argc, char *const argv[]);
int cmd_rp_list(int argc, char *const argv[]);
int cmd_rp_usage(int argc, char *const argv[]);
int cmd_rp_stage(int argc, char *const argv[]);
int cmd_rp_rotate_secret(int argc, char *const argv[]);
int cmd_registration_token(int argc, char *const argv[]);
int cmd_audit(int argc, char *const argv[]);
int cmd_decisions_export(int argc, char *const argv[]);
int cmd_decisions_import(int argc, char *const argv[]);
int cmd_staffing(int argc, char *const argv[]);
int cmd_intake(int argc, char *const argv[]);
int cmd_key(int argc, char *const argv[]);
int cmd_outbox(int argc, char *const argv[]);
int cmd_node_list(int argc, char *const argv[]);
int cmd_node_add(int argc, char *const argv[]);
int cmd_node_promote(int argc, char *const argv[]);
int cmd_node_remove(int argc, char *const argv[]);
int cmd_node_replace(int argc, char *const argv[]);
int cmd_leader_prefer(int argc, char *const argv[]);
int cmd_backup(int argc, char *const argv[]);
int cmd_restore(int argc, char *const argv[]);
int cmd_recover(int argc, char *const argv[]);
int cmd_reseed(int argc, char *const argv[]);
int cmd_transfer(int argc, char *const argv[]);

#endif
