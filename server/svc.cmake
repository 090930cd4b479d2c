# The use cases (server/svc*.c) of target tasuki_server.
set(TASUKI_SVC_SOURCES
  svc_app.c svc_app_body.c svc_credential.c svc_enrol.c svc_enrol_code.c svc_sms_code.c svc_factor_app.c
  svc_factor_passkey.c svc_passkey.c
  svc.c svc_step.c svc_origin.c svc_await.c svc_stamp.c svc_flow.c svc_answer.c svc_code.c svc_secret.c
  svc_authorize.c svc_login.c svc_factor.c svc_factor_sms.c svc_factor_totp.c svc_device.c svc_recover.c svc_consent.c svc_assertion.c svc_claims.c svc_claims_request.c svc_account_claims.c svc_subject.c svc_access.c svc_caller.c svc_dpop.c svc_introspect.c svc_revoke.c svc_par.c svc_process.c svc_pushed.c svc_request_object.c svc_token.c svc_userinfo.c
  svc_hint.c svc_message.c svc_notice.c svc_logout.c svc_documents.c svc_metrics.c svc_bootstrap.c
  svc_json.c svc_rp.c svc_rp_operator.c svc_rp_metadata.c svc_register.c svc_keys.c svc_admin.c svc_admin_status.c svc_admin_account.c svc_admin_factor.c svc_admin_staff.c
  svc_admin_client.c svc_admin_client_change.c svc_admin_registration.c svc_admin_usage.c svc_admin_node.c svc_admin_key.c svc_admin_outbox.c svc_admin_outbox_test.c svc_admin_audit.c svc_audit.c)
list(APPEND TASUKI_SVC_SOURCES
  qr_code.c staff_permission.c svc_staff.c svc_staff_audit.c svc_staff_desk.c svc_staff_login.c svc_staff_own.c svc_staff_people.c
  svc_staff_operation.c svc_staff_rp.c svc_staff_rp_change.c
  svc_staff_rp_import.c)
list(APPEND TASUKI_SVC_SOURCES svc_staff_decide.c svc_staff_evidence.c svc_staff_review.c svc_staff_scan.c svc_staff_intake.c svc_staff_receive.c svc_staff_return.c svc_staff_help.c svc_staff_import.c svc_import.c svc_admin_intake.c svc_application.c svc_blob.c svc_job.c)
list(APPEND TASUKI_SVC_SOURCES svc_admin_blob.c)
list(APPEND TASUKI_SVC_SOURCES svc_admin_evidence.c svc_admin_decisions.c)
list(APPEND TASUKI_SVC_SOURCES
  svc_account.c svc_account_pages.c svc_account_load.c svc_account_act.c svc_account_id.c)
list(APPEND TASUKI_SVC_SOURCES svc_entry.c svc_password.c svc_profile.c)
list(APPEND TASUKI_SVC_SOURCES
  svc_activate.c svc_application_mail.c svc_apply.c svc_apply_print.c svc_apply_status.c
  svc_apply_withdraw.c)
