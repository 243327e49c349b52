-- Audit and histories only grow, and a version never changes: the database itself refuses anything else.
-- The insert triggers stop INSERT OR REPLACE, which would delete a row without firing a delete trigger.
CREATE TRIGGER `audit_no_update` BEFORE UPDATE ON `audit`
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
--> statement-breakpoint
CREATE TRIGGER `audit_no_delete` BEFORE DELETE ON `audit`
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
--> statement-breakpoint
CREATE TRIGGER `audit_no_replace` BEFORE INSERT ON `audit`
WHEN EXISTS (SELECT 1 FROM `audit` WHERE `id` = NEW.`id`)
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
--> statement-breakpoint
CREATE TRIGGER `alias_history_no_update` BEFORE UPDATE ON `alias_history`
BEGIN SELECT RAISE(ABORT, 'the alias history is append-only'); END;
--> statement-breakpoint
CREATE TRIGGER `alias_history_no_delete` BEFORE DELETE ON `alias_history`
BEGIN SELECT RAISE(ABORT, 'the alias history is append-only'); END;
--> statement-breakpoint
CREATE TRIGGER `alias_history_no_replace` BEFORE INSERT ON `alias_history`
WHEN EXISTS (SELECT 1 FROM `alias_history` WHERE `id` = NEW.`id`)
BEGIN SELECT RAISE(ABORT, 'the alias history is append-only'); END;
--> statement-breakpoint
CREATE TRIGGER `rollout_history_no_update` BEFORE UPDATE ON `rollout_history`
BEGIN SELECT RAISE(ABORT, 'the rollout history is append-only'); END;
--> statement-breakpoint
CREATE TRIGGER `rollout_history_no_delete` BEFORE DELETE ON `rollout_history`
BEGIN SELECT RAISE(ABORT, 'the rollout history is append-only'); END;
--> statement-breakpoint
CREATE TRIGGER `rollout_history_no_replace` BEFORE INSERT ON `rollout_history`
WHEN EXISTS (SELECT 1 FROM `rollout_history` WHERE `id` = NEW.`id`)
BEGIN SELECT RAISE(ABORT, 'the rollout history is append-only'); END;
--> statement-breakpoint
CREATE TRIGGER `versions_no_update` BEFORE UPDATE ON `versions`
BEGIN SELECT RAISE(ABORT, 'a version is immutable'); END;
--> statement-breakpoint
CREATE TRIGGER `versions_no_replace` BEFORE INSERT ON `versions`
WHEN EXISTS (SELECT 1 FROM `versions` WHERE `model` = NEW.`model` AND `version` = NEW.`version`)
BEGIN SELECT RAISE(ABORT, 'a version is immutable'); END;
