import { writeFileSync } from 'node:fs';
import type { Page } from 'playwright-core';

/** Quality of the pictures, 0 to 1. */
const QUALITY = 0.86;

/** Saves what a page shows as WebP, which the browser makes itself: in a tab of its own, since the page would refuse the picture. */
export async function savePicture(page: Page, file: string, { fullPage = false } = {}): Promise<void> {
  const png = await page.screenshot({ animations: 'disabled', fullPage });
  const blank = await page.context().newPage();
  try {
    const url = await blank.evaluate(`(async () => {
      const image = new Image();
      image.src = 'data:image/png;base64,${png.toString('base64')}';
      await image.decode();
      const canvas = document.createElement('canvas');
      canvas.width = image.width;
      canvas.height = image.height;
      canvas.getContext('2d').drawImage(image, 0, 0);
      return canvas.toDataURL('image/webp', ${QUALITY});
    })()`);
    writeFileSync(file, Buffer.from(String(url).split(',', 2)[1] ?? '', 'base64'));
  } finally {
    await blank.close();
  }
}
