CREATE TABLE `webhook_dead_letters` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`target` text NOT NULL,
	`origin` text NOT NULL,
	`at` integer NOT NULL,
	`attempts` integer NOT NULL,
	`error` text NOT NULL,
	`event` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `webhook_targets` (
	`target` text PRIMARY KEY NOT NULL,
	`origin` text NOT NULL,
	`position` integer NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`next_at` integer,
	`error` text,
	`updated_at` integer NOT NULL
);
