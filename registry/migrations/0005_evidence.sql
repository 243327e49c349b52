CREATE TABLE `events` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`type` text NOT NULL,
	`rollout_id` text NOT NULL,
	`model` text NOT NULL,
	`body` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `events_by_rollout` ON `events` (`rollout_id`,`id`);--> statement-breakpoint
-- What was done so far becomes a chain too: each entry names the hash of the one before. `audit_hash` is ours, see
-- `audit-chain.ts`. Dropping the old table takes its index and triggers along.
CREATE TABLE `audit_chained` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`action` text NOT NULL,
	`subject` text NOT NULL,
	`reason` text NOT NULL,
	`details` text NOT NULL,
	`previous` text NOT NULL,
	`hash` text NOT NULL
);
--> statement-breakpoint
INSERT INTO `audit_chained` WITH RECURSIVE `chain` (`id`, `previous`, `hash`) AS (
	SELECT `id`, printf('%064d', 0), audit_hash(`id`, `at`, `actor`, `action`, `subject`, `reason`, `details`, printf('%064d', 0))
	FROM `audit` WHERE `id` = (SELECT min(`id`) FROM `audit`)
	UNION ALL
	SELECT a.`id`, c.`hash`, audit_hash(a.`id`, a.`at`, a.`actor`, a.`action`, a.`subject`, a.`reason`, a.`details`, c.`hash`)
	FROM `chain` c JOIN `audit` a ON a.`id` = (SELECT min(`id`) FROM `audit` WHERE `id` > c.`id`)
)
SELECT a.`id`, a.`at`, a.`actor`, a.`action`, a.`subject`, a.`reason`, a.`details`, c.`previous`, c.`hash`
FROM `chain` c JOIN `audit` a ON a.`id` = c.`id` ORDER BY a.`id`;
--> statement-breakpoint
DROP TABLE `audit`;--> statement-breakpoint
ALTER TABLE `audit_chained` RENAME TO `audit`;--> statement-breakpoint
CREATE INDEX `audit_by_subject` ON `audit` (`subject`,`id`);--> statement-breakpoint
CREATE TRIGGER `audit_no_update` BEFORE UPDATE ON `audit`
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
--> statement-breakpoint
CREATE TRIGGER `audit_no_delete` BEFORE DELETE ON `audit`
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
--> statement-breakpoint
-- Also stops INSERT OR REPLACE, which would delete a row without firing a delete trigger.
CREATE TRIGGER `audit_in_order` BEFORE INSERT ON `audit`
WHEN NEW.`id` <> coalesce((SELECT max(`id`) FROM `audit`), 0) + 1
	OR NEW.`previous` <> coalesce((SELECT `hash` FROM `audit` ORDER BY `id` DESC LIMIT 1), printf('%064d', 0))
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only, and each entry continues the one before'); END;
--> statement-breakpoint
ALTER TABLE `rollout_verdicts` ADD `number` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `rollout_verdicts` ADD `analysis` text;--> statement-breakpoint
ALTER TABLE `rollout_verdicts` ADD `acted` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `rollout_verdicts` ADD `engine` text DEFAULT '' NOT NULL;--> statement-breakpoint
UPDATE `rollout_verdicts` SET `acted` = `decision` <> 'continue', `number` = (
	SELECT count(*) FROM `rollout_verdicts` v WHERE v.`rollout_id` = `rollout_verdicts`.`rollout_id` AND v.`id` <= `rollout_verdicts`.`id`
);--> statement-breakpoint
CREATE UNIQUE INDEX `rollout_verdicts_by_number` ON `rollout_verdicts` (`rollout_id`,`number`);--> statement-breakpoint
CREATE INDEX `rollout_verdicts_idle` ON `rollout_verdicts` (`rollout_id`,`acted`,`number`);--> statement-breakpoint
CREATE TRIGGER `rollout_verdicts_no_update` BEFORE UPDATE ON `rollout_verdicts`
BEGIN SELECT RAISE(ABORT, 'a verdict is immutable'); END;
--> statement-breakpoint
-- Verdicts that moved a rollout stay for ever; INSERT OR REPLACE would get round that.
CREATE TRIGGER `rollout_verdicts_no_delete` BEFORE DELETE ON `rollout_verdicts` WHEN OLD.`acted`
BEGIN SELECT RAISE(ABORT, 'a verdict that moved a rollout is never dropped'); END;
--> statement-breakpoint
CREATE TRIGGER `rollout_verdicts_no_replace` BEFORE INSERT ON `rollout_verdicts`
WHEN EXISTS (SELECT 1 FROM `rollout_verdicts` WHERE `id` = NEW.`id` OR (`rollout_id` = NEW.`rollout_id` AND `number` = NEW.`number`))
BEGIN SELECT RAISE(ABORT, 'a verdict is immutable'); END;
--> statement-breakpoint
CREATE TRIGGER `events_no_update` BEFORE UPDATE ON `events`
BEGIN SELECT RAISE(ABORT, 'an event is immutable'); END;
