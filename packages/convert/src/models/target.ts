/** The Megatron-Bridge versions whose checkpoints can be written, oldest first. */
export const TARGETS = ['0.3.1', '0.7.0'] as const;
export type Target = (typeof TARGETS)[number];
export type TargetChoice = Target | 'auto';
