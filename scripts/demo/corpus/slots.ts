/** What the `{slot}` marks of the templates may become. No filler belongs to one label only. */
export const SLOTS: Readonly<Record<string, readonly string[]>> = {
  product: [
    'door camera', 'motion sensor', 'thermostat', 'base station', 'garden light', 'smoke detector', 'window sensor',
    'remote', 'wall mount', 'spare battery', 'solar panel', 'smart plug'
  ],
  plan: ['Basic plan', 'Plus plan', 'Family plan', 'Pro plan', 'yearly plan', 'monthly plan', 'video storage', 'student plan'],
  amount: ['$9.99', '12 euros', '$49', '89 dollars', '£24.50', '119 EUR', '$7', '35 pounds', '$240'],
  date: [
    'yesterday', 'last Monday', 'on March 3', 'two weeks ago', 'on Friday', 'this morning', 'last month',
    'on the 14th', 'a few days ago', 'in January'
  ],
  period: ['three days', 'a week', 'ten days', 'two weeks', 'a month', 'more than 48 hours', 'six weeks', 'ages'],
  order: ['#48213', '#50097', '73-1182', 'A-20491', '#66120', '31-7745', 'B-90233'],
  device: ['phone', 'laptop', 'tablet', 'old iPhone', 'Pixel', 'Galaxy', 'iPad', 'work computer'],
  browser: ['Firefox', 'Safari', 'Chrome', 'Edge', 'the mobile app', 'the desktop app', 'the website'],
  screen: [
    'timeline', 'history view', 'settings screen', 'dashboard', 'sharing screen', 'notification list', 'live view',
    'device list', 'setup wizard'
  ],
  city: ['Leeds', 'Porto', 'Chicago', 'Gdansk', 'Lyon', 'Austin', 'Utrecht', 'Turin', 'Dublin'],
  name: ['Maria Oliveira', 'Tom Becker', 'Aisha Khan', 'J. Novak', 'Lena Fischer', 'Sam Doyle', 'Priya Nair'],
  relation: ['wife', 'husband', 'flatmate', 'mother', 'son', 'colleague', 'sister', 'neighbour'],
  version: ['4.2', '4.3.1', '5.0', '5.1.2', '3.9', '6.0 beta']
}

/** What people write before and after the matter itself, whatever the matter is. */
export const OPENERS: readonly string[] = [
  '', '', '', '', '', 'Hi, ', 'Hello, ', 'Hi team, ', 'Good morning. ', 'Hey there - ', 'Dear support, ', 'Quick question: ',
  'Second time I write about this. ', 'Sorry to bother you, ', 'Customer for four years here. ', 'URGENT: '
]

export const CLOSERS: readonly string[] = [
  '', '', '', '', '', '', ' Thanks!', ' Thank you in advance.', ' Please advise.', ' Please help.', ' Regards, {name}',
  ' Any idea?', ' This is frustrating.', ' Waiting for your reply.', ' Cheers', ' I have the {product} and the {plan}.'
]
