CREATE TABLE `alias_history` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`model` text NOT NULL,
	`alias` text NOT NULL,
	`version` text NOT NULL,
	`previous` text,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`reason` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `alias_history_by_alias` ON `alias_history` (`model`,`alias`,`id`);--> statement-breakpoint
CREATE TABLE `aliases` (
	`model` text NOT NULL,
	`alias` text NOT NULL,
	`version` text NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`model`, `alias`),
	FOREIGN KEY (`model`,`version`) REFERENCES `versions`(`model`,`version`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `audit` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`action` text NOT NULL,
	`subject` text NOT NULL,
	`reason` text NOT NULL,
	`details` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `audit_by_subject` ON `audit` (`subject`,`id`);--> statement-breakpoint
CREATE TABLE `rollout_history` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`rollout_id` text NOT NULL,
	`epoch` integer NOT NULL,
	`at` integer NOT NULL,
	`event` text NOT NULL,
	`from_state` text NOT NULL,
	`to_state` text NOT NULL,
	`step` integer NOT NULL,
	`weight_bps` integer NOT NULL,
	`actor` text NOT NULL,
	`reason` text NOT NULL,
	FOREIGN KEY (`rollout_id`) REFERENCES `rollouts`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `rollout_history_by_epoch` ON `rollout_history` (`rollout_id`,`epoch`);--> statement-breakpoint
CREATE TABLE `rollout_verdicts` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`rollout_id` text NOT NULL,
	`at` integer NOT NULL,
	`decision` text NOT NULL,
	`reason` text NOT NULL,
	`verdict` text,
	`evidence` text,
	FOREIGN KEY (`rollout_id`) REFERENCES `rollouts`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `rollout_verdicts_by_rollout` ON `rollout_verdicts` (`rollout_id`,`id`);--> statement-breakpoint
CREATE TABLE `rollouts` (
	`sequence` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`model` text NOT NULL,
	`champion` text NOT NULL,
	`challenger` text NOT NULL,
	`state` text NOT NULL,
	`step` integer NOT NULL,
	`weight_bps` integer NOT NULL,
	`salt` text NOT NULL,
	`hashing` text NOT NULL,
	`epoch` integer NOT NULL,
	`spec` text,
	`reason` text NOT NULL,
	`stage` integer NOT NULL,
	`paused_until` integer,
	`details` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`ended_at` integer,
	`reverted` text,
	FOREIGN KEY (`model`,`champion`) REFERENCES `versions`(`model`,`version`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`model`,`challenger`) REFERENCES `versions`(`model`,`version`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "rollouts_weight_in_range" CHECK(weight_bps BETWEEN 0 AND 10000)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `rollouts_id_unique` ON `rollouts` (`id`);--> statement-breakpoint
CREATE UNIQUE INDEX `rollouts_one_open_per_model` ON `rollouts` (`model`) WHERE ended_at IS NULL;--> statement-breakpoint
CREATE INDEX `rollouts_by_model` ON `rollouts` (`model`,`sequence`);--> statement-breakpoint
CREATE TABLE `versions` (
	`model` text NOT NULL,
	`version` text NOT NULL,
	`digest` text NOT NULL,
	`manifest_bytes` integer NOT NULL,
	`size_bytes` integer NOT NULL,
	`created_at` integer NOT NULL,
	`serving` text NOT NULL,
	PRIMARY KEY(`model`, `version`)
);
